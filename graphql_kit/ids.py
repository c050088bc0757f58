from graphql_relay import from_global_id


def key_of(type_name: str, global_id: str | None) -> int | None:
    """The primary key in a relay id; `None` if it is none, or one of another type: such a row does not exist."""
    if global_id is None:
        return None
    try:
        found, key = from_global_id(global_id)
        return int(key) if found == type_name else None
    except ValueError:
        return None


def keys_of(type_name: str, global_id: str | None) -> list[int]:
    """The same as a list of none or one, for a filter."""
    key = key_of(type_name, global_id)
    return [] if key is None else [key]
