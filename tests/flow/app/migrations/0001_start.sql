create table place (id int primary key, name text not null);
create table record (
  load_id text not null,
  n int not null,
  place int not null references place,
  value numeric not null,
  primary key (load_id, n)
);
insert into place select n, 'place ' || n from generate_series(1, 10) n;
