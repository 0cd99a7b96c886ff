"""`jitney batch`: a file of rows through an endpoint, in order, and on from where it stood when it is interrupted."""
