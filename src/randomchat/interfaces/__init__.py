"""What the services offer each other. Needs are one-way: match → user, chat; user → chat; uploader → chat."""
