-- The tables of the attribution models, which runtime/analytics/refresh.py keeps up to date, and what it needs to find
-- changes: the transaction that wrote each event. A commit's order is not the order of its time, but a transaction that
-- is older than every running one has ended, so a refresh misses no event and needs no overlap.

-- As in 0010: the batch that runs now ends, and the next one waits until the migration commits.
set local lock_timeout = '60s';
lock table batches in access exclusive mode;

-- Without a default at first, so that no table is rewritten. The first refresh reads all events anyway.
alter table raw_clicks add column written_in bigint;
alter table raw_checkouts add column written_in bigint;
alter table raw_refunds add column written_in bigint;
alter table raw_clicks alter column written_in set default (pg_current_xact_id()::text::bigint);
alter table raw_checkouts alter column written_in set default (pg_current_xact_id()::text::bigint);
alter table raw_refunds alter column written_in set default (pg_current_xact_id()::text::bigint);

-- Block ranges cost an insert next to nothing, and transactions write neighbouring blocks.
create index raw_clicks_by_transaction on raw_clicks using brin (written_in)
    with (pages_per_range = 16, autosummarize = on);
create index raw_checkouts_by_transaction on raw_checkouts using brin (written_in)
    with (pages_per_range = 16, autosummarize = on);
create index raw_refunds_by_transaction on raw_refunds using brin (written_in)
    with (pages_per_range = 16, autosummarize = on);
create index raw_clicks_by_time on raw_clicks using brin (click_timestamp)
    with (pages_per_range = 16, autosummarize = on);

grant update (written_in) on raw_checkouts to pipeline_writer;

create table refresh_state (
    is_only_row   boolean primary key default true check (is_only_row),
    horizon       bigint,
    look_back     interval,
    half_life     interval,
    markov_order  int,
    touch_limit   int,
    refreshed_at  timestamptz
);
insert into refresh_state default values;

-- A refresh takes them in the order of time: each part of its work changes the credits of few days.
create table changed_checkouts (
    checkout_id         text collate "C" primary key,
    checkout_timestamp  timestamptz not null
);
create index changed_checkouts_by_time on changed_checkouts (checkout_timestamp);
create table changed_users (user_id text collate "C" primary key);

create table model_runs (
    run_id        bigint generated always as identity primary key,
    kind          text not null check (kind in ('full', 'incremental')),
    started_at    timestamptz not null default clock_timestamp(),
    finished_at   timestamptz,
    checkouts     bigint not null default 0,
    users         bigint not null default 0,
    first_day     date,
    last_day      date,
    look_back     interval not null,
    half_life     interval not null,
    markov_order  int not null,
    message       text
);

-- All that the credits of a checkout depend on. Weights that need more than positions are whole numbers: `decayed` is
-- that of time_decay in units of 1e-12, and shapley weighs a touch by 1 / (channels * channel_touches), for which
-- `channel_multiple` is a common multiple of all `channel_touches`.
create table checkout_paths (
    checkout_id         text collate "C" primary key,
    user_id             text collate "C" not null,
    checkout_timestamp  timestamptz not null,
    day                 date not null,
    currency            char(3) not null,
    digits              smallint not null,
    gross               numeric(19, 4) not null,
    net                 numeric(19, 4) not null,
    is_new_customer     boolean not null,
    touches             int not null,
    traffic_ids         int[] not null,
    touch_times         timestamptz[] not null,
    decayed             bigint[] not null,
    all_decayed         bigint not null,
    channel_touches     smallint[] not null,
    channels            smallint not null,
    channel_multiple    numeric not null,
    last_non_direct     int,
    product_touch       int,
    first_click_id      text collate "C",
    check (touches = cardinality(traffic_ids) and touches = cardinality(touch_times)
           and touches = cardinality(decayed) and touches = cardinality(channel_touches)),
    check ((touches = 0) = (first_click_id is null) and (touches = 0) = (last_non_direct is null))
) with (fillfactor = 90);
create index checkout_paths_by_day on checkout_paths (day);
create index checkout_paths_new_customers on checkout_paths (user_id) where is_new_customer;

-- A user's clicks that no checkout has followed within the look-back, in runs without a longer pause.
create table unconverted_paths (
    user_id      text collate "C" not null,
    started_at   timestamptz not null,
    ended_at     timestamptz not null,
    day          date not null,
    traffic_ids  int[] not null check (traffic_ids <> '{}'),
    primary key (user_id, started_at)
);
create index unconverted_paths_by_day on unconverted_paths (day);

create table daily_credits (
    day            date not null,
    model          text collate "C" not null,
    traffic_id     int not null,
    currency       char(3) not null,
    conversions    numeric(20, 9) not null,
    new_customers  numeric(20, 9) not null,
    gross          numeric(25, 4) not null,
    net            numeric(25, 4) not null,
    primary key (day, model, traffic_id, currency)
) with (fillfactor = 80);

-- How many paths lead from a state, the last touches, to a touch (a traffic_id), to conversion (0) or to null (-1).
create table chain_steps (
    origin  int[] not null,
    target  int not null,
    paths   bigint not null,
    primary key (origin, target)
) with (fillfactor = 80);

create table model_weights (
    model           text collate "C" not null,
    channel         text collate "C" not null,
    campaign        text collate "C" not null,
    weight          numeric(13, 12) not null,
    standard_error  numeric(13, 12),
    run_id          bigint not null,
    primary key (model, channel, campaign)
);

create aggregate lcm_of(numeric) (sfunc = lcm, stype = numeric, initcond = '1', parallel = safe);

-- Credits to be added up: rows for the touches and models with a weight above zero. A weight is `part / whole`, both whole
-- numbers. An amount is divided into smallest units by the largest remainder: first by the remainder, then by the
-- position of the touch. runtime/analytics/models/weights.py and allocation.py state the same rules. Where the net amount
-- is neither the gross amount nor 0, it is divided in rows of its own. Conversions have nine decimals; what rounding
-- leaves goes to the last touches.
create view touch_credits as
with amount as (
    select p.checkout_id, p.day, p.currency, p.is_new_customer, p.touches, p.traffic_ids, p.decayed, p.all_decayed,
           p.channel_touches, p.channels, p.channel_multiple, p.product_touch,
           case when k.is_gross then p.gross else p.net end * ('{1,10,100,1000,10000}'::numeric[])[p.digits + 1] as units,
           ('{1,0.1,0.01,0.001,0.0001}'::numeric[])[p.digits + 1] as unit,
           k.is_gross, not k.is_gross or p.gross = p.net as is_net
      from checkout_paths p
     cross join (values (true), (false)) k (is_gross)
     where p.touches > 1 and (k.is_gross or p.net <> p.gross and p.net <> 0)
),
-- `offset 0` lets the planner compute a value once, instead of wherever it is used.
divided as (
    select a.checkout_id, a.day, a.currency, a.is_new_customer, a.touches, a.units, a.unit, a.is_gross, a.is_net,
           t.traffic_id, t.position, w.model, d.*
      from amount a
     cross join lateral unnest(a.traffic_ids, a.decayed, a.channel_touches)
           with ordinality t (traffic_id, decayed, channel_touches, position)
     cross join (values ('linear'), ('time_decay'), ('position_based'), ('w_shaped'), ('shapley')) w (model)
     cross join lateral (
           select case
                  when model = 'linear' then 1
                  when model = 'time_decay' then t.decayed
                  when model = 'shapley' then div(channel_multiple, t.channel_touches)
                  when model = 'position_based' or product_touch is null then
                      case when touches > 2 and position in (1, touches) then 2 * (touches - 2) else 1 end
                  when others = 0 then milestones
                  when milestones > 0 then 3 * milestones * others
                  else 1
                  end as part,
                  case
                  when model = 'linear' then touches
                  when model = 'time_decay' then all_decayed
                  when model = 'shapley' then channels * channel_multiple
                  when model = 'position_based' or product_touch is null then
                      case when touches > 2 then 5 * (touches - 2) else touches end
                  when others = 0 then 3
                  else 10 * others
                  end as whole
             from (select (position = 1)::int + (position = touches)::int + (position = product_touch)::int as milestones,
                          touches - case when product_touch between 2 and touches - 1 then 3 else 2 end as others) m
           offset 0
           ) weight
     cross join lateral (
           select div(a.units * part, whole) as floor, mod(a.units * part, whole) as rest,
                  div(1000000000 * part, whole) as conversion_floor
           offset 0
           ) d
     where weight.part > 0
),
ranked as (
    select d.*,
           units - sum(floor) over of_amount as left_over,
           1000000000 - sum(conversion_floor) over of_amount as conversions_left_over,
           row_number() over (of_amount order by rest desc, position) as rank
      from divided d
    window of_amount as (partition by checkout_id, model, is_gross)
)
select checkout_id, day, currency, is_new_customer, model, traffic_id,
       case when is_gross
            then (conversion_floor + (touches - position < conversions_left_over)::int) * 0.000000001
            else 0 end as conversions,
       case when is_gross then (floor + (rank <= left_over)::int) * unit else 0 end as gross,
       case when is_net then (floor + (rank <= left_over)::int) * unit else 0 end as net
  from ranked
 union all
-- All credit to one touch, or to no touch.
select p.checkout_id, p.day, p.currency, p.is_new_customer, m.model,
       case when p.touches = 0 then 0
            when m.model = 'last_touch' then p.traffic_ids[p.touches]
            when m.model = 'last_non_direct' then p.traffic_ids[p.last_non_direct]
            else p.traffic_ids[1] end,
       1, p.gross, p.net
  from checkout_paths p
 cross join (values ('first_touch', true), ('last_touch', true), ('last_non_direct', true), ('linear', false),
                    ('time_decay', false), ('position_based', false), ('w_shaped', false), ('shapley', false)
            ) m (model, credits_one_touch)
 where m.credits_one_touch or p.touches < 2;

create function steps_of(path int[], markov_order int, ending int) returns table (origin int[], target int)
language sql immutable parallel safe
as $$
    select path[greatest(1, place - markov_order):place - 1], coalesce(path[place], ending)
      from generate_series(1, cardinality(path) + 1) place
$$;

-- Adds (sign 1) or subtracts (sign -1) stored paths. A path is subtracted before its row changes, and added after.
create function count_paths(checkout_ids text[], sign int) returns void
language sql
set search_path from current
as $$
    insert into daily_credits as d (day, model, traffic_id, currency, conversions, new_customers, gross, net)
    select day, model, traffic_id, currency, sign * sum(conversions),
           sign * coalesce(sum(conversions) filter (where is_new_customer), 0), sign * sum(gross), sign * sum(net)
      from touch_credits
     where checkout_id = any (checkout_ids)
     group by day, model, traffic_id, currency
        on conflict (day, model, traffic_id, currency) do update
       set conversions = d.conversions + excluded.conversions,
           new_customers = d.new_customers + excluded.new_customers,
           gross = d.gross + excluded.gross,
           net = d.net + excluded.net;

    insert into chain_steps as c (origin, target, paths)
    select s.origin, s.target, sign * count(*)
      from checkout_paths p
     cross join lateral steps_of(p.traffic_ids, (select markov_order from refresh_state), 0) s
     where p.checkout_id = any (checkout_ids) and p.touches > 0
     group by s.origin, s.target
        on conflict (origin, target) do update set paths = c.paths + excluded.paths;
$$;

create function count_unconverted(user_ids text[], sign int) returns void
language sql
set search_path from current
as $$
    insert into chain_steps as c (origin, target, paths)
    select s.origin, s.target, sign * count(*)
      from unconverted_paths p
     cross join lateral steps_of(p.traffic_ids, (select markov_order from refresh_state), -1) s
     where p.user_id = any (user_ids)
     group by s.origin, s.target
        on conflict (origin, target) do update set paths = c.paths + excluded.paths;
$$;

create or replace function erase_user(erased text) returns table (erased_from text, row_count bigint)
language plpgsql
set search_path from current
-- Whoever reads `batches` for longer lets the erasure fail, instead of holding back the job behind it.
set lock_timeout = '30s'
as $$
declare
    erased_checkouts text[];
begin
    if coalesce(erased, '') = '' then
        raise exception 'no id: whom to erase?' using errcode = 'invalid_parameter_value';
    end if;

    -- A refresh that runs would store paths of the person again: the erasure waits for it, and the next one for the
    -- erasure. The number is REFRESH_LOCK of runtime/analytics/refresh.py.
    perform pg_advisory_xact_lock(1701015410);

    -- It reads the whole table, so before the job has to wait.
    return query
      with gone as (
          delete from dead_letters
           where partition_key = erased or encode(data, 'escape') ~ mention_of(erased)
          returning 1
      )
      select 'dead_letters', count(*) from gone;

    -- Every batch reads this table first: the one under way ends, and the next one waits. So a batch is erased as a
    -- whole or comes after, and neither sees half of the other.
    lock table batches in access exclusive mode;

    erased_checkouts := array(
        select checkout_id from raw_checkouts where raw_checkouts.user_id = erased
         union
        select checkout_id from checkout_paths where checkout_paths.user_id = erased
    );
    perform count_paths(erased_checkouts, -1);
    perform count_unconverted(array[erased], -1);
    delete from daily_credits where conversions = 0;
    delete from chain_steps where paths = 0;
    delete from changed_checkouts where checkout_id = any (erased_checkouts);
    delete from changed_users where changed_users.user_id = erased;
    return query
      with gone as (delete from checkout_paths where checkout_id = any (erased_checkouts) returning 1)
      select 'checkout_paths', count(*) from gone;
    return query
      with gone as (delete from unconverted_paths where unconverted_paths.user_id = erased returning 1)
      select 'unconverted_paths', count(*) from gone;

    return query
      with gone as (delete from conflicts where content ->> 'user_id' = erased returning 1)
      select 'conflicts', count(*) from gone;
    -- A refund of the person's order is about the person, whatever user it names. A refund in the person's name of
    -- another order leaves that order with another net amount.
    insert into changed_checkouts (checkout_id, checkout_timestamp)
    select distinct k.checkout_id, k.checkout_timestamp
      from raw_refunds r join raw_checkouts k using (checkout_id)
     where r.user_id = erased and k.user_id <> erased
        on conflict do nothing;
    return query
      with gone as (
          delete from raw_refunds
           where user_id = erased or checkout_id = any (erased_checkouts)
          returning 1
      )
      select 'raw_refunds', count(*) from gone;
    return query
      with gone as (
          delete from attributed_checkouts a using raw_checkouts k
           where a.checkout_id = k.checkout_id and k.user_id = erased
          returning 1
      )
      select 'attributed_checkouts', count(*) from gone;
    return query
      with gone as (delete from raw_checkouts where user_id = erased returning 1)
      select 'raw_checkouts', count(*) from gone;
    return query
      with gone as (delete from raw_clicks where user_id = erased returning 1)
      select 'raw_clicks', count(*) from gone;
    return query
      with gone as (delete from users where user_id = erased returning 1)
      select 'users', count(*) from gone;
end
$$;

alter role pipeline_analytics set work_mem = '64MB';
grant select, insert, update, delete
    on refresh_state, changed_checkouts, changed_users, model_runs, checkout_paths, unconverted_paths, daily_credits,
       chain_steps, model_weights
    to pipeline_analytics;
grant select on touch_credits to pipeline_analytics;
grant execute on function
    lcm_of(numeric), steps_of(int[], int, int), count_paths(text[], int), count_unconverted(text[], int)
    to pipeline_analytics;
grant select on model_runs, model_weights to pipeline_analyst;

comment on column raw_clicks.written_in is 'Number of the transaction that wrote the row; null: before migration 13.';
comment on column raw_checkouts.written_in is
    'Number of the transaction that wrote or revised the row last; null: before migration 13.';
comment on column raw_refunds.written_in is 'Number of the transaction that wrote the row; null: before migration 13.';

comment on table refresh_state is
    'The parameters of the paths as stored, and `horizon`: the next refresh reads the events of this transaction '
    'and later.';
comment on table changed_checkouts is 'Checkouts whose path has to be computed anew.';
comment on table changed_users is 'Users whose unconverted paths have to be computed anew.';
comment on table checkout_paths is
    'Checkouts without test orders, with their touches and all that the credits depend on.';
comment on table unconverted_paths is
    'Runs of clicks of a user that no checkout has followed so far within the look-back. A longer pause starts a '
    'new run.';
comment on table daily_credits is 'Sums of touch_credits by day, model, traffic and currency.';
comment on table chain_steps is
    'Steps of the Markov chain: how many paths lead from `origin`, the last touches, to `target`: traffic, conversion (0) or
null (-1).';

comment on table model_runs is 'Refreshes of the last 30 days that changed a table of the models.';
comment on column model_runs.run_id is 'Number of the run.';
comment on column model_runs.kind is 'full: of all events; incremental: of what had changed.';
comment on column model_runs.started_at is 'Start of the run.';
comment on column model_runs.finished_at is
    'End of the run; null: it runs, or it ended early and the next one continued.';
comment on column model_runs.checkouts is 'Checkouts whose path changed.';
comment on column model_runs.users is 'Users whose unconverted paths changed.';
comment on column model_runs.first_day is 'First day with a changed credit.';
comment on column model_runs.last_day is 'Last day with a changed credit.';
comment on column model_runs.look_back is 'Age of the oldest click that is a touch.';
comment on column model_runs.half_life is 'Half-life of time_decay.';
comment on column model_runs.markov_order is 'Order of the chain of markov.';
comment on column model_runs.message is 'Why a model has no credits, with the remedy; null when every model has them.';

comment on table model_weights is
    'Shares of the conversions by the models of the Markov chain, as of the last refresh.';
comment on column model_weights.model is 'markov or shapley_markov.';
comment on column model_weights.channel is 'A channel with touches.';
comment on column model_weights.campaign is 'A campaign of the channel; empty: touches without a campaign.';
comment on column model_weights.weight is
    'Share of all conversions with touches. Campaigns share that of their channel by their number of touches.';
comment on column model_weights.standard_error is 'Standard error of a sampled weight; null: the weight is exact.';
comment on column model_weights.run_id is 'The run of model_runs that computed the weight.';

comment on function count_paths(text[], int) is 'Adds (1) or subtracts (-1) the credits and steps of stored checkouts.';
comment on function count_unconverted(text[], int) is
    'Adds (1) or subtracts (-1) the steps of stored unconverted paths.';
comment on function steps_of(int[], int, int) is 'Steps of a path in a chain of this order, and the one to its ending.';
