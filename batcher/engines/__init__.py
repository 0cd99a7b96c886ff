"""Where jobs are computed: the promise, the engine of batch models, and what is done about failures."""
