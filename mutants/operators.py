"""The replacements of operators, functions and words in a mutant."""

import ast

# Pairs of a pattern of the operator and its replacement.
COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: (r"<", "<="),
    ast.LtE: (r"<=", "<"),
    ast.Gt: (r">", ">="),
    ast.GtE: (r">=", ">"),
    ast.Eq: (r"==", "!="),
    ast.NotEq: (r"!=", "=="),
    ast.Is: (r"is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.In: (r"in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
}
ASSIGNMENTS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: (r"\+=", "-="),
    ast.Sub: (r"-=", "+="),
    ast.BitOr: (r"\|=", "="),
}
FUNCTIONS = {
    "min": "max", "max": "min", "any": "all", "all": "any", "less": "less_equal", "less_equal": "less",
    "greater": "greater_equal", "equal": "not_equal", "not_equal": "equal", "and_": "or_", "or_": "and_",
    "fullmatch": "match", "lstrip": "strip", "rstrip": "strip",
}  # fmt: skip
# Calls whose only argument can stand for their result.
WRAPPERS = {"invert", "strip", "lower", "upper", "casefold", "sorted", "reversed"}
ORDERS = {"ascending": "descending", "descending": "ascending"}
