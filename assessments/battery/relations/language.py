"""The language of relations. No eval: text is split into tokens and parsed into a small typed tree.

    open_accounts <= total_accounts
    education_num = map(education, {'HS-grad': 9, 'Some-college': 10, 'Bachelors': 13})
    instalment = amount * rate / (1 - (1 + rate) ^ -term) within 0.01
    term in {36, 60}
    if status = 'retired' then age >= 50
    count(card_1 = 'yes', card_2 = 'yes') <= cards

Comparisons: = != < <= > >= in, not in; `within 0.01` or `within 1%` after them gives a tolerance. Numbers: + - * / ^
mod, log, abs, round, min, max, sum, count (of conditions that hold), divide(a, b, otherwise) where b may be 0, and
map(column, {value: value}). Conditions: and, or, not, if … then …. Text stands in quotes; a column whose name is no
plain word stands in backquotes: `hours per week`. × ÷ ≤ ≥ ≠ may be written too.

Types: a column of numbers is a number, a category is text (1 and '1' are the same category). The parser refuses
arithmetic on text and a comparison of text with a number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LONGEST = 4000  # characters
DEEPEST = 40
MOST_STEPS = 100_000  # of the parser: a text of nested brackets cannot keep it busy
KEYWORDS = {"and", "or", "not", "if", "then", "in", "within", "mod", "true", "false"}
FUNCTIONS = {"log", "abs", "round", "min", "max", "sum", "count", "divide", "map"}
COMPARISONS = {"=", "!=", "<", "<=", ">", ">="}
SAME_SIGN = {"×": "*", "÷": "/", "≤": "<=", "≥": ">=", "≠": "!=", "==": "=", "**": "^", "−": "-", "–": "-"}

Type = Literal["number", "text", "condition"]
Value = float | str

TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<quoted>`[^`]*`)
    | (?P<name>[^\W\d]\w*)
    | (?P<sign><=|>=|!=|==|\*\*|[-+*/^=<>(){},:%×÷≤≥≠−–])
    )""",
    re.VERBOSE,
)


class BadRelation(ValueError):
    """The text is no relation, or not one of these columns: message says where and why, hint what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Column:
    name: str
    type: Type


@dataclass(frozen=True)
class Constant:
    value: Value

    @property
    def type(self) -> Type:
        return "text" if isinstance(self.value, str) else "number"


@dataclass(frozen=True)
class Call:
    """function: an operator (+ - * / ^ mod neg), a function's name. Always a number."""

    function: str
    arguments: tuple["Node", ...]
    type: Type = "number"


@dataclass(frozen=True)
class Map:
    """A column's values looked up in a table; a value that the table lacks is undefined."""

    source: "Node"
    table: tuple[tuple[Value, Value], ...]
    type: Type


@dataclass(frozen=True)
class Compare:
    sign: str
    left: "Node"
    right: "Node"
    tolerance: float = 0.0
    relative: bool = False
    type: Type = "condition"


@dataclass(frozen=True)
class Among:
    value: "Node"
    options: tuple[Value, ...]
    type: Type = "condition"


@dataclass(frozen=True)
class Logic:
    """operator: and, or, not, then (if … then …)."""

    operator: str
    parts: tuple["Node", ...]
    type: Type = "condition"


Node = Column | Constant | Call | Map | Compare | Among | Logic


@dataclass(frozen=True)
class Parsed:
    """text: as written. tree: a condition. columns: those it speaks of, in the order of their mention."""

    text: str
    tree: Node
    columns: tuple[str, ...]


def parse(text: str, columns: Mapping[str, str]) -> Parsed:
    """columns: the kind of each, number or category. Raises BadRelation."""
    text = " ".join(str(text).split())
    if not text:
        raise BadRelation("The relation is empty.", "Write for example: open_accounts <= total_accounts.")
    if len(text) > LONGEST:
        raise BadRelation(f"The relation has {len(text)} characters; at most {LONGEST} are read.", "Split it.")
    parser = _Parser(text, columns)
    tree = parser.condition()
    parser.end()
    if not parser.mentioned:
        raise BadRelation(f"{shown(text)} speaks of no column.", f"The columns are {_listed(columns)}.")
    return Parsed(text, tree, tuple(parser.mentioned))


def shown(text: str, most: int = 80) -> str:
    return f"“{text if len(text) <= most else text[: most - 1] + '…'}”"


def _listed(names: Mapping[str, str], most: int = 12) -> str:
    found = list(names)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            if not text[at:].strip():
                break
            raise BadRelation(
                f"{shown(text)}: {text[at:].strip()[:1]!r} at character {at + 1} is not understood.",
                "Put text in quotes and unusual column names in backquotes.",
            )
        kind = str(match.lastgroup)
        found.append(_Token(kind, SAME_SIGN.get(match[kind], match[kind]), match.start(kind)))
        at = match.end()
    return found


class _Parser:
    """Recursive descent, one method a level of binding."""

    def __init__(self, text: str, columns: Mapping[str, str]) -> None:
        self.text = text
        self.columns = columns
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0
        self.steps = 0
        self.mentioned: dict[str, None] = {}

    # Tokens

    def peek(self, *wanted: str) -> bool:
        """Whether the next token is one of these signs or keywords."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise BadRelation(f"{shown(self.text)} is nested too deeply.", "Split it into several relations.")
        if self.at >= len(self.tokens):
            return False
        token = self.tokens[self.at]
        plain = token.text.lower() if token.kind == "name" else token.text
        return token.kind in ("sign", "name") and plain in wanted

    def take(self, *wanted: str) -> str:
        """The next token where it is one of these, else the empty text."""
        if not self.peek(*wanted):
            return ""
        self.at += 1
        return self.tokens[self.at - 1].text.lower()

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            raise self.wrong(f"{wanted!r} was expected")

    def wrong(self, why: str, hint: str = "") -> BadRelation:
        if self.at < len(self.tokens):
            token = self.tokens[self.at]
            return BadRelation(f"{shown(self.text)}: {why} at character {token.at + 1}, not {token.text!r}.", hint)
        return BadRelation(f"{shown(self.text)}: {why} at the end.", hint)

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise self.wrong("nothing more was expected", "Join conditions with and, or, if … then ….")

    # Conditions

    def condition(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadRelation(f"{shown(self.text)} is nested too deeply.", "Split it into several relations.")
        if self.take("if"):
            given = self.either()
            self.need("then")
            found: Node = Logic("then", (given, self.condition()))
        else:
            found = self.either()
        self.depth -= 1
        return found

    def either(self) -> Node:
        parts = [self.both()]
        while self.take("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Logic("or", tuple(parts))

    def both(self) -> Node:
        parts = [self.single()]
        while self.take("and"):
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    def single(self) -> Node:
        if self.take("not"):
            return Logic("not", (self.single(),))
        if self.peek("("):  # of a condition, or of a sum that a comparison begins with
            before = self.at, dict(self.mentioned), self.depth
            problem: BadRelation | None = None
            try:
                self.need("(")
                inner = self.condition()
                self.need(")")
                if not self.peek(*COMPARISONS, "+", "-", "*", "/", "^", "mod", "in", "not"):
                    return inner
            except BadRelation as error:
                problem = error
            self.at, self.mentioned, self.depth = before  # the steps stay counted
            try:
                return self.comparison()
            except BadRelation as error:
                raise problem or error from error
        return self.comparison()

    def comparison(self) -> Node:
        left = self.sum()
        if self.take("in"):
            return self.among(left)
        if self.take("not"):
            self.need("in")
            return Logic("not", (self.among(left),))
        sign = self.take(*COMPARISONS)
        if not sign:
            raise self.wrong("a comparison (= != < <= > >= in) was expected")
        right = self.sum()
        left, right = self.agreed(left, right, sign)
        tolerance, relative = self.tolerance(left)
        return Compare(sign, left, right, tolerance, relative)

    def tolerance(self, left: Node) -> tuple[float, bool]:
        if not self.take("within"):
            return 0.0, False
        if left.type != "number":
            raise self.wrong("a tolerance is for numbers, so nothing more was expected")
        value = self.constant()
        if not isinstance(value, float) or value < 0:
            raise self.wrong("a tolerance from 0 was expected")
        return (value / 100, True) if self.take("%") else (value, False)

    def agreed(self, left: Node, right: Node, sign: str) -> tuple[Node, Node]:
        """Both sides of one type: a number that is compared with a category is taken as its text."""
        left, right = _as_text_beside(left, right), _as_text_beside(right, left)
        types = {left.type, right.type}
        if len(types) > 1:
            raise BadRelation(
                f"{shown(self.text)} compares text with a number ({_name(left)} {sign} {_name(right)}).",
                "Compare categories with text in quotes, numbers with numbers.",
            )
        if types == {"text"} and sign not in ("=", "!="):
            raise BadRelation(
                f"{shown(self.text)} asks whether text is {sign} text.", "Text has no order: use = or !=, or in {…}."
            )
        return left, right

    def among(self, value: Node) -> Node:
        self.need("{")
        options = [self.value_beside(value)]
        while self.take(","):
            options.append(self.value_beside(value))
        self.need("}")
        return Among(value, tuple(options))

    def value_beside(self, node: Node) -> Value:
        """A constant of the node's type."""
        constant = _as_text_beside(Constant(self.constant()), node)
        if not isinstance(constant, Constant) or constant.type != node.type:
            raise BadRelation(f"{shown(self.text)}: beside {_name(node)}, a {node.type}, stands one of another type.")
        return constant.value

    # Numbers and text

    def sum(self) -> Node:
        found = self.product()
        while sign := self.take("+", "-"):
            found = self.number(sign, found, self.product())
        return found

    def product(self) -> Node:
        found = self.signed()
        while sign := self.take("*", "/", "mod"):
            found = self.number(sign, found, self.signed())
        return found

    def signed(self) -> Node:
        if self.take("-"):
            inner = self.signed()
            if isinstance(inner, Constant) and isinstance(inner.value, float):
                return Constant(-inner.value)
            return self.number("neg", inner)
        return self.power()

    def power(self) -> Node:
        base = self.atom()
        return self.number("^", base, self.signed()) if self.take("^") else base

    def number(self, function: str, *arguments: Node) -> Node:
        for argument in arguments:
            if argument.type != "number":
                raise BadRelation(
                    f"{shown(self.text)} computes with {_name(argument)}, which is text.",
                    "Compare it, or turn it into a number with map(column, {'text': 1, …}).",
                )
        return Call(function, arguments)

    def atom(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadRelation(f"{shown(self.text)} is nested too deeply.", "Split it into several relations.")
        try:
            if self.take("("):
                inner = self.sum()
                self.need(")")
                return inner
            token = self.tokens[self.at] if self.at < len(self.tokens) else None
            if token is None or token.kind == "sign" or (token.kind == "name" and token.text.lower() in KEYWORDS):
                raise self.wrong("a column, a number or a text was expected")
            if token.kind in ("number", "text"):
                return Constant(self.constant())
            called = self.at + 1 < len(self.tokens) and self.tokens[self.at + 1].text == "("
            if token.kind == "name" and called and token.text.lower() in FUNCTIONS:
                return self.call()
            return self.column()
        finally:
            self.depth -= 1

    def constant(self) -> Value:
        minus = bool(self.take("-"))
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token.kind not in ("number", "text") or (minus and token.kind == "text"):
            raise self.wrong("a number or a text in quotes was expected")
        self.at += 1
        if token.kind == "text":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        return -float(token.text) if minus else float(token.text)

    def column(self) -> Node:
        token = self.tokens[self.at]
        name = token.text.strip("`") if token.kind == "quoted" else token.text
        if name not in self.columns:
            raise BadRelation(
                f"{shown(self.text)}: there is no column {name!r}.",
                f"The columns are {_listed(self.columns)}. Text stands in quotes.",
            )
        self.at += 1
        self.mentioned[name] = None
        return Column(name, "number" if self.columns[name] == "number" else "text")

    def call(self) -> Node:
        function = self.tokens[self.at].text.lower()
        self.at += 2
        if function == "map":
            return self.mapping()
        arguments = [self.condition() if function == "count" else self.sum()]
        while self.take(","):
            arguments.append(self.condition() if function == "count" else self.sum())
        self.need(")")
        wanted = {"log": 1, "abs": 1, "round": 1, "divide": 3}.get(function)
        if wanted and len(arguments) != wanted:
            raise BadRelation(f"{shown(self.text)}: {function} takes {wanted} values, not {len(arguments)}.")
        return Call(function, tuple(arguments)) if function == "count" else self.number(function, *arguments)

    def mapping(self) -> Node:
        source = self.sum()
        self.need(",")
        self.need("{")
        pairs: list[tuple[Value, Value]] = []
        while not pairs or self.take(","):
            key = self.value_beside(source)
            self.need(":")
            pairs.append((key, self.constant()))
        self.need("}")
        self.need(")")
        types = {Constant(value).type for _, value in pairs}
        if len(types) > 1 or len({key for key, _ in pairs}) < len(pairs):
            raise BadRelation(f"{shown(self.text)}: map needs each value once, and results of one type.")
        return Map(source, tuple(pairs), types.pop())


def _as_text_beside(node: Node, other: Node) -> Node:
    """A constant number beside text is text: the category 1."""
    if isinstance(node, Constant) and isinstance(node.value, float) and other.type == "text":
        return Constant(str(int(node.value)) if node.value.is_integer() else repr(node.value))
    return node


def _name(node: Node) -> str:
    if isinstance(node, Column):
        return node.name
    if isinstance(node, Constant):
        return repr(node.value) if isinstance(node.value, str) else f"{node.value:g}"
    return node.function if isinstance(node, Call) else "map"
