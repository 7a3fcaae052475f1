"""Certificates for tests of encrypted connections, made by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from randomchat.config import TlsSettings

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True)
class Authority:
    """Somebody who signs certificates."""

    folder: Path

    @classmethod
    def found(cls, folder: Path) -> Authority:
        folder.mkdir()
        openssl(
            "req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "1", at=folder
        )
        return cls(folder)

    def issue(self, name: str) -> TlsSettings:
        """Settings of somebody who has a certificate for 127.0.0.1 from here, and believes those from here."""
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1", "utf-8")
        openssl("req", *NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", at=self.folder)
        signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "names"]
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing, at=self.folder)
        return TlsSettings(
            enabled=True,
            ca_file=self.folder / "ca.pem",
            cert_file=self.folder / f"{name}.pem",
            key_file=self.folder / f"{name}.key",
        )


def openssl(*arguments: str, at: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=at, check=True, capture_output=True)
