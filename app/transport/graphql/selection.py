"""What a caller selected, as far as it helps to read ahead."""

from typing import Any

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, SelectionSetNode

from app.transport.graphql.context import Info


def names_below(info: Info) -> frozenset[str]:
    """The names of all fields anywhere below this one, whether or not a directive leaves them out.

    Each fragment is looked at once: `info.selected_fields` unfolds it wherever it is spread, and a few of them that
    spread each other twice are then a selection of millions.
    """
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001
    names: set[str] = set()
    fragments: set[str] = set()
    open_sets = [node.selection_set for node in raw.field_nodes if node.selection_set is not None]
    while open_sets:
        for selection in open_sets.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in fragments:
                    fragments.add(name)
                    open_sets.append(raw.fragments[name].selection_set)
                continue
            if isinstance(selection, FieldNode):
                names.add(selection.name.value)
            below: SelectionSetNode | None = getattr(selection, "selection_set", None)
            if below is not None:
                open_sets.append(below)
    return frozenset(names)
