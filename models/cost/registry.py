"""Every cost source by name: one line each."""

from models.cost.base import CostSource
from models.cost.fitted import Fitted
from models.cost.roofline import Roofline

COST_SOURCES: dict[str, CostSource] = {source.name: source for source in (Fitted(), Roofline())}
