"""The broker's errors. One sentence each; the docstring is the default message."""


class BrokerError(Exception):
    """The broker failed."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class BrokerUnavailable(BrokerError):
    """The broker cannot be reached, or did not answer in time."""


class TripFailed(BrokerError):
    """This trip cannot be made, though the broker answers others."""


class BrokerFull(BrokerError):
    """The broker is out of memory and takes no new jobs."""


class BrokerUnfit(BrokerError):
    """The broker's version or settings would lose jobs; the message says what to change."""


class WireError(BrokerError):
    """These bytes are not a message of ours."""
