"""Temporary tables that hold a micro-batch's rows until the statements merge them."""

# The defaults are the values of the columns that COPY leaves out (`copying`).
CREATE = """
create temporary table if not exists staged_clicks (
    click_id text collate "C", user_id text collate "C", click_timestamp timestamptz, session_id text,
    product_id text, page_url text, utm_source text, utm_medium text, utm_campaign text, device_type text,
    referrer text, experiment_id text, variant text, is_bot boolean default false, stated_timestamp timestamptz,
    repairs text[], arrived_at timestamptz, sequence_number text collate "C",
    record_index int default 0, unknown_fields int default 0
) on commit delete rows;
create temporary table if not exists staged_visits (
    user_id text collate "C", first_at timestamptz, first_id text collate "C", source text, medium text, campaign text,
    last_at timestamptz, last_id text collate "C", device text
) on commit delete rows;
create temporary table if not exists staged_checkouts (
    checkout_id text collate "C", user_id text collate "C", checkout_timestamp timestamptz,
    total_amount numeric(19, 4), currency text, session_id text, payment_method text, items jsonb,
    revision bigint default 0, cancelled boolean default false, test boolean default false,
    stated_timestamp timestamptz, repairs text[], arrived_at timestamptz,
    sequence_number text collate "C", record_index int default 0, unknown_fields int default 0
) on commit delete rows;
create temporary table if not exists staged_refunds (
    refund_id text collate "C", checkout_id text collate "C", user_id text collate "C", refund_timestamp timestamptz,
    amount numeric(19, 4), currency text, stated_timestamp timestamptz, repairs text[], arrived_at timestamptz,
    sequence_number text collate "C", record_index int default 0, unknown_fields int default 0
) on commit delete rows;
create temporary table if not exists staged_dead_letters (
    stream_name text, sequence_number text, record_index int default 0, partition_key text, reason text, data bytea,
    arrived_at timestamptz
) on commit delete rows;
create temporary table if not exists staged_conflicts (
    event_kind text, event_id text collate "C", content jsonb, sequence_number text collate "C",
    record_index int, arrived_at timestamptz
) on commit delete rows;
create temporary table if not exists staged_credits (
    checkout_id text collate "C", click_id text collate "C", click_timestamp timestamptz
) on commit delete rows;
"""
