-- The database of one cell, made once by the cluster's superuser:
--
--     psql --set=cell=is-1 --set=password="$(cat password-file)" --file=cell.sql
--
-- The database knows which cell it is by a setting that belongs to the superuser, not to Skerry's role: rows of
-- another cell are refused by a CHECK against it, and it does not travel in a dump. Skerry's role may make tables
-- and nothing else; it cannot change the setting.

\set ON_ERROR_STOP on
SELECT 'skerry_' || replace(:'cell', '-', '_') AS role \gset

CREATE ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE :"role" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"role" TO :"role";
ALTER DATABASE :"role" SET skerry.cell = :'cell';

\connect :"role"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO :"role";
