"""Ids in paths hold no slash and no colon: ``/plans/x:what-if`` is not the plan ``x:what-if``."""

from starlette.convertors import StringConvertor, register_url_convertor


class IdConvertor(StringConvertor):
    """Path parameter ``{name:id}``."""

    regex = "[^/:]+"


register_url_convertor("id", IdConvertor())
