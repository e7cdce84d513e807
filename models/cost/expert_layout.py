"""What each device of an expert-parallel group holds, and the time to read it once.

Routed experts and their redundant copies are dealt out evenly; shared experts, which every token
uses, are on every device. The floor of a decode step is the read of everything held: experts of
the device and its tensor-parallel share of the rest (DeepSpeed-MoE, Rajbhandari et al., 2022).
"""

from dataclasses import dataclass

from models.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertLayout:
    """Experts of one MoE layer per device, and the nodes the group spans."""

    routed_per_device: int
    shared_per_device: int
    nodes: int

    @property
    def experts_per_device(self) -> int:
        """Routed and shared experts of one layer on one device."""
        return self.routed_per_device + self.shared_per_device


def expert_layout(
    routed_experts: int,
    *,
    redundant_experts: int = 0,
    shared_experts: int = 0,
    ep: int,
    node_devices: int,
) -> ExpertLayout:
    """Deal the experts of a layer out over ``ep`` devices.

    Parameters
    ----------
    routed_experts : int
        Experts the router chooses from.
    redundant_experts : int
        Extra copies of busy experts.
    shared_experts : int
        Experts every token uses.
    ep : int
        Devices of the group.
    node_devices : int
        Devices per node; a partly used node counts as one.
    """
    copies = routed_experts + redundant_experts
    if ep < 1 or copies % ep:
        spare = (-copies) % max(ep, 1)
        raise InvalidInput(
            f"{routed_experts} routed + {redundant_experts} redundant experts do not divide "
            f"over ep = {ep} devices",
            pointer="/parallelism/ep",
            hint=f"Maybe redundant_experts = {redundant_experts + spare} was meant.",
        )
    return ExpertLayout(
        routed_per_device=copies // ep,
        shared_per_device=shared_experts,
        nodes=-(-ep // node_devices),
    )


def resident_parameters(expert_parameters: float, dense_parameters: float, *, devices: int, tp: int) -> float:
    """Parameters on one device: its share of all experts, and 1/tp of everything else.

    Parameters
    ----------
    expert_parameters : float
        Parameters of all experts of all layers.
    dense_parameters : float
        All others: attention, dense layers, embeddings.
    devices : int
        Devices the experts are spread over (expert parallelism times expert slicing).
    tp : int
        Tensor-parallel ranks that share the dense part.
    """
    return expert_parameters / devices + dense_parameters / tp


def read_floor_s(parameters: float, *, element_bytes: float = 2.0, memory_bytes_per_s: float) -> float:
    """Time to read the resident parameters once [s]: no decode step with a busy batch is faster."""
    return parameters * element_bytes / memory_bytes_per_s
