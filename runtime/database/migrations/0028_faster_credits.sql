-- The same credits in two thirds of the time: touches are sorted by the number of their model instead of its name, and
-- weights are computed by one scan of a path instead of one for each touch. The comments in migration 22 explain it.

create or replace function credits_of_path(
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
                  select weight.*,
                         div(units * part, whole) as floor,
                         mod(units * part, whole) as rest,
                         div(1000000000 * part, whole) as conversion_floor
                    from (
                         select w.model, 2 * w.number + a.is_gross::int as amount_number, t.traffic_id, t.position,
                                a.is_gross, a.units, a.unit,
                                case
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
                           from (
                                select k.is_gross,
                                       case when k.is_gross then gross_amount else net_amount end
                                       * ('{1,10,100,1000,10000}'::numeric[])[digits + 1] as units,
                                       ('{1,0.1,0.01,0.001,0.0001}'::numeric[])[digits + 1] as unit
                                  from (values (true), (false)) k (is_gross)
                                 where touches > 1 and (k.is_gross or net_amount <> gross_amount and net_amount <> 0)
                                ) a
                          cross join unnest(models) with ordinality w (model, number)
                          cross join unnest(traffic_ids, decayed, channel_touches)
                                with ordinality t (traffic_id, decayed, channel_touches, position)
                          cross join lateral (
                                select (t.position = 1)::int + (t.position = touches)::int
                                       + coalesce((t.position = product_touch)::int, 0) as milestones,
                                       touches - case when product_touch between 2 and touches - 1 then 3 else 2 end
                                           as others
                                ) m
                          where w.model not in ('first_touch', 'last_touch', 'last_non_direct')
                         -- Lets the planner compute a weight once, instead of wherever it is used.
                         offset 0
                         ) weight
                   where part > 0
                  -- Likewise for its products.
                  offset 0
                  ) d
           window of_amount as (partition by d.amount_number)
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
