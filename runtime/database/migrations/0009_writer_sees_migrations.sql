-- The job checks at its start that the database has every migration that its statements need.
grant select on schema_migrations to pipeline_writer;
