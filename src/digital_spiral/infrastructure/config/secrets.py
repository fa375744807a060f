"""The master key and what is done with it: credentials are encrypted, e-mail addresses become keyed hashes."""

import base64
import binascii
import errno
import hashlib
import hmac
import os
import stat
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from digital_spiral.domain.errors import Misconfigured
from digital_spiral.infrastructure.config.home import make_home
from digital_spiral.infrastructure.config.settings import Settings

KEY_BYTES = 32
KEY_FILE = "master.key"
NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: the recommended length of a GCM nonce
FORMAT_VERSION = b"\x01"
EMAIL_PREFIX = "email:v1:"


class MasterKeyInvalid(Misconfigured):
    """The master key cannot be read, or is not 32 bytes in base64."""

    code = "master_key_invalid"


class MasterKeyMismatch(Misconfigured):
    """A stored secret was not encrypted with this master key, or for this place."""

    code = "master_key_mismatch"


class MasterKey:
    """The 32 bytes every other key is derived from. Its text form shows nothing of them.

    Raises:
        MasterKeyInvalid: `key` is not 32 bytes long.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise MasterKeyInvalid(f"The master key must be {KEY_BYTES} bytes in base64, not {len(key)} bytes.")
        self._cipher = AESGCM(_derive(key, b"digital-spiral credentials v1"))
        self._email_key = _derive(key, b"digital-spiral email v1")

    def encrypt(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt with AES-256-GCM, bound to `context` (the place it is stored: tenant and instance id).

        Returns:
            One version byte, the random nonce, the ciphertext with its tag.
        """
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT_VERSION + nonce + self._cipher.encrypt(nonce, plaintext, FORMAT_VERSION + context)

    def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plaintext of what `encrypt` made with this key and this `context`.

        Raises:
            MasterKeyMismatch: Another key or context made it, or it was altered.
        """
        version, nonce, ciphertext = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if version != FORMAT_VERSION or len(nonce) != NONCE_BYTES:
                raise InvalidTag
            return self._cipher.decrypt(nonce, ciphertext, FORMAT_VERSION + context)
        except InvalidTag as error:
            raise MasterKeyMismatch(
                "The stored credentials do not open with this master key. Restore the key they were made with "
                "(master.key in the home, or DIGITAL_SPIRAL_MASTER_KEY), or run `digital-spiral connect` again "
                "to store them anew."
            ) from error

    def hash_email(self, email: str) -> str:
        """Return the keyed hash that stands for an e-mail address, the same for every spelling of its case."""
        normal = email.strip().lower().encode("utf-8", "surrogatepass")
        return EMAIL_PREFIX + hmac.new(self._email_key, normal, hashlib.sha256).hexdigest()


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)


def load_master_key(settings: Settings) -> MasterKey:
    """Return the master key of the settings, else of the home's key file, which is made when missing.

    Raises:
        MasterKeyInvalid: The key is malformed, or its file is open to other accounts or cannot be used.
    """
    if settings.master_key is not None:
        return MasterKey(_decode(settings.master_key.get_secret_value(), "DIGITAL_SPIRAL_MASTER_KEY"))
    path = settings.home / KEY_FILE
    try:
        if not path.exists():
            _create(path)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise MasterKeyInvalid(f"{path} is open to other accounts. Run `chmod 600 {path}`.")
        return MasterKey(_decode(path.read_text(encoding="ascii", errors="replace"), str(path)))
    except OSError as error:
        raise MasterKeyInvalid(
            f"Cannot use the master key file {path}: {error.strerror}. Set DIGITAL_SPIRAL_MASTER_KEY, "
            "or choose another home with --home."
        ) from error


def _create(path: Path) -> None:
    """Make a key file. Of several callers at once the first wins, and none ever sees half a file."""
    descriptor, temporary = tempfile.mkstemp(dir=make_home(path.parent), prefix=f".{KEY_FILE}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    finally:
        os.unlink(temporary)


def _decode(text: str, source: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MasterKeyInvalid(
            f"{source} is not base64. A master key is {KEY_BYTES} bytes in base64, for instance from "
            "`openssl rand -base64 32`."
        ) from error
