-- Run once, when the volume is new. The owner is no superuser, so that row policies bind it too.
\getenv password OWNER_PASSWORD
create role owner login createrole password :'password';
create database utility owner owner;
