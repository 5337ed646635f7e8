"""The hot path: C11 in csrc/, thin Cython faces here. Without its extensions the gateway refuses to start."""
