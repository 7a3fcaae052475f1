#!/bin/sh
# Debian's Chromium for the browser tests, where it is missing and can be installed; without it those tests are skipped, loudly.
set -u
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing Chromium for the browser tests (once) ..."
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      chromium fonts-dejavu-core fonts-noto-color-emoji; } >/dev/null 2>&1 && exit 0
fi
echo "NO BROWSER: install Chromium, and the browser tests run too." >&2
exit 0
