"""Patterns of plain JSON in RE2 syntax. They match bytes, so they also check that texts are UTF-8."""

import functools

from runtime.attribution_job.events.contract import SCHEMA_VERSION, Contract

# Texts have no escapes. The alternatives are the byte sequences of UTF-8 by the length of the character.
CHARACTER = (
    r"(?:[\x20-\x21\x23-\x5b\x5d-\x7f]|[\xc2-\xdf][\x80-\xbf]"
    r"|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]"
    r"|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf][\x80-\xbf])"
)
STRING = f'"{CHARACTER}*"'
# Ids are in ASCII, without blanks around them.
ID = r'"[\x21\x23-\x5b\x5d-\x7e](?:[\x20\x21\x23-\x5b\x5d-\x7e]*[\x21\x23-\x5b\x5d-\x7e])?"'
COUNT = r"(?:0|[1-9][0-9]{0,8})"
# Dates exist in every year, so 29 February is not plain.
TIMESTAMP = (
    r'"(?:19[7-9][0-9]|2[0-9]{3})-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)'
    r'|(?:0[13578]|1[02])-31)T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z"'
)
# As `money.read_amount` writes them: without zeros at the end, but with at least two decimals.
AMOUNT = r'"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{2}(?:[0-9]?[1-9])?)?"'
PRICE = r'"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?"'
CURRENCY = r'"[A-Z]{3}"'
PLAIN_ITEM_FIELD = rf'(?:"product_id": ?{STRING}|"quantity": ?{COUNT}|"unit_price": ?{PRICE})'
PLAIN_ITEM = rf"\{{{PLAIN_ITEM_FIELD}(?:, ?{PLAIN_ITEM_FIELD})*\}}"
PLAIN_ITEMS = rf"\[(?:{PLAIN_ITEM}(?:, ?{PLAIN_ITEM})*)?\]"
PLAIN_ITEM_REPEATS_A_FIELD = "|".join(
    rf'[{{ ,]"{field}": ?(?:{STRING}|{COUNT})(?:, ?{PLAIN_ITEM_FIELD})*, ?"{field}":'
    for field in ("product_id", "quantity", "unit_price")
)


@functools.cache
def plain_pattern(contract: Contract) -> str:
    """Returns a pattern of JSON objects with fields of the contract only, each of the right type.

    A match can repeat a field and can lack required ones. White space can follow.
    """
    required = dict.fromkeys(contract.ids, ID) | {contract.timestamp: TIMESTAMP, "currency": CURRENCY}
    optional = dict.fromkeys((*contract.labels, *contract.hints), STRING) | {"sent_at": TIMESTAMP}
    optional |= dict.fromkeys(contract.flags, "true|false")
    if contract.amount:
        required[contract.amount] = AMOUNT
    if contract.sale:
        optional |= {"items": PLAIN_ITEMS, "revision": COUNT}
    values = [f'"{field}": ?{value}' for field, value in required.items() if field in contract.fields]
    values += [f'"{field}": ?(?:{value}|null)' for field, value in optional.items()]
    field = f'(?:{"|".join(values)}|"schema_version": ?{SCHEMA_VERSION})'
    return rf"^\{{{field}(?:, ?{field})*\}}[ \t\r\n]*\z"
