-- A click can be late for a query though another received it in time, and the job has to say so.

grant update (late) on raw_clicks to pipeline_writer;
comment on column raw_clicks.late is
    'Older than the watermark on its arrival, here or in a query that received it again: a streaming join has not seen it.';
