"""Nodes and money for a volume of tokens, at a known rate per node.

The fluid view of a disaggregated service: prefill nodes and decode nodes are sized apart, each
busy all the time, and paid by the hour.
"""


def nodes_for_tokens(tokens: float, *, period_s: float, node_tokens_per_s: float) -> float:
    """Nodes, on average over the period, that process ``tokens`` in it (not rounded).

    Parameters
    ----------
    tokens : float
        Tokens of the whole period.
    period_s : float
        Length of the period [s].
    node_tokens_per_s : float
        Tokens one node processes per second [tokens/s].
    """
    return tokens / (period_s * node_tokens_per_s)


def computed_tokens_per_s(node_input_tokens_per_s: float, *, cache_hit_frac: float) -> float:
    """Input tokens a prefill node really computes per second, prefix-cache hits taken off."""
    return node_input_tokens_per_s * (1.0 - cache_hit_frac)


def rental_usd(nodes: float, *, devices_per_node: int, hours: float, usd_per_device_hour: float) -> float:
    """Rent of the fleet over ``hours`` [USD]; ``nodes`` may be a time average."""
    return nodes * devices_per_node * hours * usd_per_device_hour
