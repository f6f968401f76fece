-- A login that was granted nothing finds nothing; what a later file makes is its owner's until that file grants it.
revoke all on schema public from public;
alter default privileges revoke execute on functions from public;

-- Against accidents; a login may change its own settings back. Large objects are open to every login and out of reach
-- of a revoke of ours: a transaction that only reads makes none. And one that was left open would keep dead rows from
-- being cleared away, and migrations waiting.
alter role pipeline_analyst set default_transaction_read_only = on;
alter role pipeline_analyst set idle_in_transaction_session_timeout = '5min';
