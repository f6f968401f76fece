-- The rule in SQL: a checkout is credited to the first click of the same user in the hour before it,
-- both ends included; ties in time are broken by click_id.

create function attribute(checkout_ids text[]) returns bigint
language sql
set search_path from current
as $$
    with merged as (
        update attributed_checkouts a
           set click_id = first.click_id,
               click_timestamp = first.click_timestamp,
               utm_source = first.utm_source,
               utm_medium = first.utm_medium,
               utm_campaign = first.utm_campaign,
               updated_at = now()
          from (
               select checkout_id, click.*
                 from (select * from raw_checkouts where checkout_id = any (checkout_ids) order by checkout_id) checkout
                cross join lateral (
                      select click_id, click_timestamp, utm_source, utm_medium, utm_campaign
                        from raw_clicks
                       where raw_clicks.user_id = checkout.user_id
                         and raw_clicks.click_timestamp
                             between checkout.checkout_timestamp - interval '1 hour' and checkout.checkout_timestamp
                       order by click_timestamp, click_id
                       limit 1
                      ) click
               ) first
         where a.checkout_id = first.checkout_id
           -- Earliest wins, also against a writer that commits while this one waits for the row.
           and (a.click_id is null or (first.click_timestamp, first.click_id) < (a.click_timestamp, a.click_id))
        returning a.checkout_id
    )
    select count(*) from merged
$$;
comment on function attribute(text[]) is
    'Credits these checkouts to their first click; returns how many rows changed. Safe to repeat.';

create function reattribute("from" timestamptz, "to" timestamptz) returns bigint
language sql
set search_path from current
as $$
    select attribute(array(
        select checkout_id from raw_checkouts where checkout_timestamp between "from" and "to"
    ))
$$;
comment on function reattribute(timestamptz, timestamptz) is
    'attribute() for every checkout in a time range, both ends included.';
