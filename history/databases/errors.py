"""What can go wrong with a database. One sentence each; nothing here holds a password or what a row says."""


class HistoryError(Exception):
    """The history's database failed."""


class DatabaseUnavailable(HistoryError):
    """The database cannot be reached, or does not do now what it can do."""


class DatabaseUnfit(HistoryError):
    """The database cannot be used as it is; the message says what to change."""


class RowsRefused(HistoryError):
    """Something in these rows cannot be stored; none of them was."""
