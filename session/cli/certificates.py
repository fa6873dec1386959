"""Whom to trust, and who we are, as the command line says: certificates of SSL torrents and of HTTPS trackers.

`certificate_options` gives a command `certificates`.  HTTPS trackers of other torrents are vouched for by the system's authorities, or by
those the environment names (SSL_CERT_FILE, SSL_CERT_DIR), as OpenSSL has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from .. import AddTorrentParams, Alert, TorrentNeedCertAlert
from .exit_status import CommandFailed, ExitStatus
from .option_groups import grouped
from .reporters import Reporter

__all__ = ["Certificates", "certificate_options"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """What was chosen; the defaults choose nothing.  Of the files, only the names.  click.UsageError for a key to nothing."""

    root_cert: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    key_passphrase: str = ""
    verify_https: bool = True

    def __post_init__(self) -> None:
        if self.private_key is not None and self.certificate is None:
            raise click.UsageError("--private-key is the key of a --certificate: give both")

    @property
    def settings(self) -> dict[str, bool]:
        """The settings that differ."""
        return {} if self.verify_https else {"validate_https_trackers": False}

    def put_on(self, params: AddTorrentParams) -> None:
        """The authority that vouches for its peers.  CommandFailed when the file cannot be read."""
        if self.root_cert is None:
            return
        try:
            params.root_certificate = Path(self.root_cert).read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailed(
                f"{self.root_cert} is no certificate: {error}", ExitStatus.BAD_INPUT
            ) from None

    def answer(self, alert: Alert, reporter: Reporter) -> None:
        """Give a torrent that wants our certificate just that, or say that it is wanting."""
        if not isinstance(alert, TorrentNeedCertAlert):
            return
        if self.certificate is None:
            text = f"{alert.torrent_name} is an SSL torrent: without --certificate no peer is reached"
            reporter.complain("need_certificate", text, name=alert.torrent_name)
            return
        key = self.private_key if self.private_key is not None else self.certificate
        alert.handle.set_ssl_certificate(self.certificate, key, passphrase=self.key_passphrase)


_FILE = click.Path(exists=True, dir_okay=False)
_ROWS = (
    click.option(
        "--root-cert",
        type=_FILE,
        help="SSL torrents: the authority (PEM) that vouches for peers and trackers, instead of the one in the metadata.  "
        "A magnet link of such a torrent needs it.",
    ),
    click.option(
        "--certificate", type=_FILE, help="SSL torrents: our certificate (PEM), signed by that authority."
    ),
    click.option(
        "--private-key", type=_FILE, help="The key of --certificate (PEM).  Default: it is in the same file."
    ),
    click.option(
        "--key-passphrase",
        default="",
        envvar="EVTORRENT_KEY_PASSPHRASE",
        help="Of --private-key.  Others on this machine may see what is typed here: better what EVTORRENT_KEY_PASSPHRASE says.",
    ),
    click.option(
        "--verify-https/--no-verify-https",
        default=True,
        help="Demand valid certificates of HTTPS trackers and web seeds.  Default: yes; SSL_CERT_FILE names authorities beside "
        "the system's.",
    ),
)

certificate_options = grouped(
    "certificates",
    Certificates,
    _ROWS,
    "root_cert",
    "certificate",
    "private_key",
    "key_passphrase",
    "verify_https",
)
"""--root-cert, --certificate, --private-key, --key-passphrase, --no-verify-https, as `certificates`."""
