"""The outage board compiled: a selection becomes one statement, and its rows are handed through as SQL built them."""

from typing import Any

import orjson
from django.db import connection
from graphql import FieldNode, GraphQLResolveInfo

from graphql_kit.compiler import Compiler, object_type
from graphql_kit.execution import Prebuilt
from graphql_kit.keyset import decode_cursor, encode_cursor, page_size
from outage import facts
from outage.graphql.order import ORDERS
from outage.graphql.shapes import SHAPES
from outage.models import OPEN_STATUSES


def read_outage(info: GraphQLResolveInfo, condition: str, wanted: Any) -> Prebuilt | None:
    """
    The outage that the present field is about, in the shape of its selection.

    :param condition: SQL over the alias `o` and `%(wanted)s`
    """
    node = Compiler(info, SHAPES).object(object_type(info, "Outage"), info.field_nodes, "o")
    rows = _rows(
        f"SELECT {node}::text FROM {facts.TABLE} o WHERE o.organisation_id = %(organisation)s AND {condition}",
        {"organisation": info.context.scope.organisation_id, "now": info.context.now, "wanted": wanted},
    )
    return Prebuilt(orjson.loads(rows[0][0])) if rows else None


class OutagePage:
    """A page of the board: the selection compiled, one statement, the rows handed through as SQL built them."""

    def __init__(self, info: GraphQLResolveInfo, **arguments: Any) -> None:
        self.info = info
        self.size, self.backwards = page_size(arguments.get("first"), arguments.get("last"))
        self.after, self.before = arguments.get("after"), arguments.get("before")
        self.order = ORDERS[arguments["order"]]
        self.filters, self.parameters = self._filters(arguments)
        self.tag = f"{arguments['order']}|{arguments.get('open')}|{arguments.get('status')}"

    def build(self) -> Prebuilt:
        compiler = Compiler(self.info, SHAPES)
        info = self.info
        wanted = compiler.selected(object_type(info, "OutageConnection"), self.info.field_nodes)
        edge_fields = {
            key: compiler.selected(object_type(info, "OutageEdge"), nodes)
            for key, nodes in wanted.items()
            if nodes[0].name.value == "edges"
        }
        node_keys = [
            (edges_key, key, nodes)
            for edges_key, fields in edge_fields.items()
            for key, nodes in fields.items()
            if nodes[0].name.value == "node"
        ]
        objects = [f"{compiler.object(object_type(info, 'Outage'), nodes, 'o')}::text" for _, _, nodes in node_keys]
        rows, more = self._page(objects)
        cursors = [encode_cursor(self.tag, row[: len(self.order.columns)]) for row in rows]
        built = [
            {
                (edges_key, key): orjson.Fragment(text)
                for (edges_key, key, _), text in zip(node_keys, row[len(self.order.columns) :], strict=True)
            }
            for row in rows
        ]
        answer: dict[str, Any] = {}
        for key, nodes in wanted.items():
            match nodes[0].name.value:
                case "edges":
                    answer[key] = [
                        {
                            field_key: self._edge_value(field_nodes, built_row.get((key, field_key)), cursor)
                            for field_key, field_nodes in edge_fields[key].items()
                        }
                        for built_row, cursor in zip(built, cursors, strict=True)
                    ]
                case "pageInfo":
                    answer[key] = self._page_info(
                        compiler.selected(object_type(info, "PageInfo"), nodes), cursors, more
                    )
                case "totalCount":
                    answer[key] = self._count()
                case _:
                    answer[key] = "OutageConnection"
        return Prebuilt(answer)

    def _edge_value(self, nodes: list[FieldNode], node: Any, cursor: str) -> Any:
        return {"node": node, "cursor": cursor}.get(nodes[0].name.value, "OutageEdge")

    def _page_info(self, fields: dict[str, list[FieldNode]], cursors: list[str], more: bool) -> dict[str, Any]:
        values = {
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
            "hasNextPage": bool(self.before) if self.backwards else more,
            "hasPreviousPage": more if self.backwards else bool(self.after),
            "__typename": "PageInfo",
        }
        return {key: values[nodes[0].name.value] for key, nodes in fields.items()}

    def _filters(self, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        conditions = ["o.organisation_id = %(organisation)s"]
        parameters: dict[str, Any] = {
            "organisation": self.info.context.scope.organisation_id,
            "now": self.info.context.now,
            "open_statuses": [one.value for one in OPEN_STATUSES],
        }
        if arguments.get("open") is not None:
            conditions.append(f"(o.status = ANY(%(open_statuses)s)) = {arguments['open']}")
        if arguments.get("status") is not None:
            conditions.append("o.status = ANY(%(statuses)s)")
            parameters["statuses"] = [str(one) for one in arguments["status"]]
        return " AND ".join(conditions), parameters

    def _page(self, objects: list[str]) -> tuple[list[tuple[Any, ...]], bool]:
        key = ", ".join(self.order.columns)
        conditions, parameters = [self.filters], dict(self.parameters)
        beyond, short_of = ("<", ">") if self.order.descending else (">", "<")
        for cursor, sign, name in ((self.after, beyond, "after"), (self.before, short_of, "before")):
            if cursor:
                values = decode_cursor(self.tag, cursor, self.order.kinds)
                names = [f"{name}{index}" for index in range(len(values))]
                parameters.update(zip(names, values, strict=True))
                conditions.append(f"({key}) {sign} ({', '.join(f'%({one})s' for one in names)})")
        direction = "DESC" if self.backwards != self.order.descending else "ASC"
        order = ", ".join(f"{column} {direction}" for column in self.order.columns)
        rows = _rows(
            f"SELECT {', '.join([*self.order.columns, *objects])} FROM {facts.TABLE} o "
            f"WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT {self.size + 1}",
            parameters,
        )
        more, rows = len(rows) > self.size, rows[: self.size]
        return (rows[::-1] if self.backwards else rows), more

    def _count(self) -> int:
        count: int = _rows(f"SELECT count(*) FROM {facts.TABLE} o WHERE {self.filters}", self.parameters)[0][0]
        return count


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
