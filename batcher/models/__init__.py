"""The models. They know no Redis, no jobs and no clock."""
