"""Times the kernels, copies and collectives of a GPU and fits the constants that the cost model needs."""
