"""Files that clients bring: kept in a directory or in object storage, for /v1/files and /v1/batches."""
