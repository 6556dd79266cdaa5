"""What a caller selected, as far as it helps to read ahead."""

from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, SelectionSetNode


def names_below(info: GraphQLResolveInfo) -> frozenset[str]:
    """The names of all fields anywhere below this one, whether or not a directive leaves them out."""
    names: set[str] = set()
    fragments: set[str] = set()
    open_sets = [node.selection_set for node in info.field_nodes if node.selection_set is not None]
    while open_sets:
        for selection in open_sets.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in fragments:
                    fragments.add(name)
                    open_sets.append(info.fragments[name].selection_set)
                continue
            if isinstance(selection, FieldNode):
                names.add(selection.name.value)
            below: SelectionSetNode | None = getattr(selection, "selection_set", None)
            if below is not None:
                open_sets.append(below)
    return frozenset(names)
