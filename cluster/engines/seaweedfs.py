"""SeaweedFS, which speaks S3: master, volume server, filer and gateway in one process."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import get_session

from cluster.child import Child
from cluster.engines.engine import Engine, silent
from cluster.parts import MissingPart
from cluster.ports import PortClaims
from randomchat.config import S3Settings

HOST = "127.0.0.1"
ACCESS_KEY, SECRET_KEY = "randomchat-trial", "no-secret-on-loopback"
PARTS = ("master", "volume", "filer", "s3")
READY_BUCKET = "randomchat-cluster-ready"


def find_weed() -> str:
    """Raises `MissingPart`."""
    beside = Path(sys.executable).with_name("weed")
    weed = str(beside) if beside.exists() else shutil.which("weed")
    if weed is None:
        raise MissingPart("weed (SeaweedFS)")
    return weed


class SeaweedEngine(Engine):
    name = "SeaweedFS"
    section = "s3"

    def __init__(self, folder: Path, say: Callable[[str], None] = silent) -> None:
        super().__init__(folder, say)
        self._claims = PortClaims(folder / "ports.json", [f"{part}{kind}" for part in PARTS for kind in ("", ".grpc")])

    @property
    def _ports(self) -> PortClaims:
        return self._claims

    @property
    def settings(self) -> S3Settings:
        return S3Settings(endpoint=f"http://{HOST}:{self._claims['s3']}", access_key=ACCESS_KEY, secret_key=SECRET_KEY)

    def fetch(self) -> None:
        find_weed()

    def close(self) -> None:
        ports = self._claims.claimed()
        super().close()
        for port in ports:  # killed, it leaves them behind
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                socket.unlink(missing_ok=True)

    def _make_nodes(self) -> list[Child]:
        folder = self.folder / "weed"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        keys = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
        identity = {"name": "randomchat", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        # Else each new bucket takes seven volumes at its first object.
        growth = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
        # Its orderly end takes 25 s; what it has acknowledged survives SIGKILL.
        return [Child("SeaweedFS", folder, self._command, growth, stop_signal=signal.SIGKILL)]

    def _command(self) -> Sequence[str]:
        ports = [f"-{part}.port{kind}={self._claims[part + kind]}" for part in PARTS for kind in ("", ".grpc")]
        return [find_weed(), "-logtostderr=true", "server", "-filer", "-s3", f"-ip={HOST}", f"-ip.bind={HOST}", *ports, *OPTIONS]

    def _check(self) -> None:
        """A bucket can be made and an object be put: that is refused until the volume server has reported."""
        with self.client() as store:
            with suppress(store.exceptions.BucketAlreadyOwnedByYou):
                store.create_bucket(Bucket=READY_BUCKET)
            store.put_object(Bucket=READY_BUCKET, Key="ready", Body=b"ready")
            store.delete_object(Bucket=READY_BUCKET, Key="ready")

    @contextmanager
    def client(self) -> Iterator[Any]:
        """One of botocore's, which blocks."""
        client = get_session().create_client(
            "s3",
            endpoint_url=self.settings.endpoint,
            region_name=self.settings.region,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=1,
                read_timeout=5,
            ),
        )
        try:
            yield client
        finally:
            client.close()


OPTIONS = [
    "-dir=data",
    "-s3.config=s3.json",
    "-filer.localSocket=filer.sock",
    "-s3.localSocket=s3.sock",
    "-volume.max=1000",
    "-volume.index=memory",
    "-master.volumeSizeLimitMB=256",
    "-master.telemetry=false",
    # A master that stands alone need not wait 20 s for others before it leads.
    "-master.electionTimeout=1s",
    "-master.heartbeatInterval=100ms",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
]
