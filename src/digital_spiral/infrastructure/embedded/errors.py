"""Why an embedded server cannot be used; every message names the reason and the next step."""

from digital_spiral.domain.errors import Unavailable


class EmbeddedServerError(Unavailable):
    """Base of the failures of the embedded servers."""

    code = "embedded_server"


class BinaryMissing(EmbeddedServerError):
    """No usable server binary was found on this machine."""

    code = "server_binary_missing"


class HomeNotUsable(EmbeddedServerError):
    """The home folder cannot be written, or not be reached by the account the server runs as."""

    code = "home_not_usable"


class PortTaken(EmbeddedServerError):
    """Another program listens on the TCP port the server was told to use."""

    code = "port_taken"


class DiskFull(EmbeddedServerError):
    """The file system of the home folder has no space left."""

    code = "disk_full"


class DataFolderMismatch(EmbeddedServerError):
    """The data folder belongs to another major version, or its password file is gone."""

    code = "data_folder_mismatch"


class ServerFailed(EmbeddedServerError):
    """The server did not start or did not stop; the message ends with the tail of its log."""

    code = "server_failed"
