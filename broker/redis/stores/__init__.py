"""What stands on Redis beside jobs: each file keeps one contract."""
