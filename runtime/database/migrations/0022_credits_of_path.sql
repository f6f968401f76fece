-- The division of one path's credits as a function, for the view touch_credits and for paths that a query has trimmed.
-- PostgreSQL inlines the function, and sorts the touches of one path at a time instead of those of all paths.

-- A weight is `part / whole`, both whole numbers. An amount is divided into smallest units by the largest remainder:
-- first by the remainder, then by the position of the touch. runtime/analytics/models/weights.py and allocation.py state
-- the same rules. Where the net amount is neither the gross amount nor 0, it is divided in rows of its own. Conversions
-- have nine decimals; the remainder of rounding goes to the last touches.
create function credits_of_path(
    gross_amount numeric, net_amount numeric, digits int, touches int, traffic_ids int[], decayed bigint[],
    all_decayed numeric, channel_touches smallint[], channels int, channel_multiple numeric, last_non_direct int,
    product_touch int, models text[]
) returns table (model text, traffic_id int, conversions numeric, gross numeric, net numeric)
language sql immutable parallel safe
as $$
    select r.model, r.traffic_id,
           case when r.is_gross
                then (r.conversion_floor + (touches - r.position < r.conversions_left_over)::int) * 0.000000001
                else 0 end,
           case when r.is_gross then (r.floor + (r.rank <= r.left_over)::int) * r.unit else 0 end,
           case when not r.is_gross or gross_amount = net_amount
                then (r.floor + (r.rank <= r.left_over)::int) * r.unit else 0 end
      from (
           select d.*,
                  d.units - sum(d.floor) over of_amount as left_over,
                  1000000000 - sum(d.conversion_floor) over of_amount as conversions_left_over,
                  row_number() over (of_amount order by d.rest desc, d.position) as rank
             from (
                  select w.model, t.traffic_id, t.position, a.is_gross, a.units, a.unit,
                         div(a.units * weight.part, weight.whole) as floor,
                         mod(a.units * weight.part, weight.whole) as rest,
                         div(1000000000 * weight.part, weight.whole) as conversion_floor
                    from (
                         select k.is_gross,
                                case when k.is_gross then gross_amount else net_amount end
                                * ('{1,10,100,1000,10000}'::numeric[])[digits + 1] as units,
                                ('{1,0.1,0.01,0.001,0.0001}'::numeric[])[digits + 1] as unit
                           from (values (true), (false)) k (is_gross)
                          where touches > 1 and (k.is_gross or net_amount <> gross_amount and net_amount <> 0)
                         ) a
                   cross join unnest(models) w (model)
                   cross join unnest(traffic_ids, decayed, channel_touches)
                         with ordinality t (traffic_id, decayed, channel_touches, position)
                   cross join lateral (
                         select (t.position = 1)::int + (t.position = touches)::int
                                + coalesce((t.position = product_touch)::int, 0) as milestones,
                                touches - case when product_touch between 2 and touches - 1 then 3 else 2 end as others
                         ) m
                   cross join lateral (
                         select case
                                when w.model = 'linear' then 1
                                when w.model = 'time_decay' then t.decayed
                                when w.model = 'shapley' then div(channel_multiple, t.channel_touches)
                                when w.model = 'position_based' or product_touch is null then
                                    case when touches > 2 and t.position in (1, touches) then 2 * (touches - 2)
                                         else 1 end
                                when m.others = 0 then m.milestones
                                when m.milestones > 0 then 3 * m.milestones * m.others
                                else 1
                                end as part,
                                case
                                when w.model = 'linear' then touches
                                when w.model = 'time_decay' then all_decayed
                                when w.model = 'shapley' then channels * channel_multiple
                                when w.model = 'position_based' or product_touch is null then
                                    case when touches > 2 then 5 * (touches - 2) else touches end
                                when m.others = 0 then 3
                                else 10 * m.others
                                end as whole
                         -- Lets the planner compute a weight once, instead of wherever it is used.
                         offset 0
                         ) weight
                   where w.model not in ('first_touch', 'last_touch', 'last_non_direct') and weight.part > 0
                  ) d
           window of_amount as (partition by d.model, d.is_gross)
           ) r
     union all
    -- All credit to one touch, or to no touch.
    select w.model,
           case when touches = 0 then 0
                when w.model = 'last_touch' then traffic_ids[touches]
                when w.model = 'last_non_direct' then traffic_ids[last_non_direct]
                else traffic_ids[1] end,
           1, gross_amount, net_amount
      from unnest(models) w (model)
     where w.model in ('first_touch', 'last_touch', 'last_non_direct') or touches < 2
$$;
comment on function credits_of_path(
    numeric, numeric, int, int, int[], bigint[], numeric, smallint[], int, numeric, int, int, text[]
) is 'Credits of the touches of one path by models that credit each checkout for itself; traffic 0: no touch.';

create or replace view touch_credits as
select p.checkout_id, p.day, p.currency, p.is_new_customer, c.model, c.traffic_id, c.conversions, c.gross, c.net
  from checkout_paths p
 cross join lateral credits_of_path(
       p.gross, p.net, p.digits, p.touches, p.traffic_ids, p.decayed, p.all_decayed, p.channel_touches, p.channels,
       p.channel_multiple, p.last_non_direct, p.product_touch,
       array['first_touch', 'last_touch', 'last_non_direct', 'linear', 'time_decay', 'position_based', 'w_shaped',
             'shapley']
       ) c;

grant execute on function credits_of_path(
    numeric, numeric, int, int, int[], bigint[], numeric, smallint[], int, numeric, int, int, text[]
) to pipeline_analytics, pipeline_analyst;
