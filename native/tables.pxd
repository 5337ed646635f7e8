cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "cw_rcu.h":
    struct cw_rcu:
        pass

cdef extern from "cw_list.h":
    struct cw_list:
        pass


@cython.final
cdef class Rcu:
    cdef cw_rcu *ptr


@cython.final
cdef class NumberList:
    cdef cw_list *ptr
    cdef readonly Rcu rcu
