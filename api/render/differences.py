"""Which groups of a plan the best plan does not have: what tells plans of many groups apart."""

from models.plan import Group, Plan


def new_groups(plan: Plan, best: Plan) -> list[bool]:
    """For each group of a plan, whether the best plan lacks it."""
    known = {_identity(group) for group in best.groups}
    return [_identity(group) not in known for group in plan.groups]


def _identity(group: Group) -> tuple[object, ...]:
    """What makes two groups different; batch limits alone do not."""
    cut = (group.parallelism, group.precision)
    return (group.deployment, group.role, group.pool, group.replicas, *cut)
