-- Makes the tables equal to the files of dbt's seeds, which are in the working folder.
begin;
create temporary table new_products (like products) on commit drop;
create temporary table new_countries (like countries) on commit drop;
\copy new_products from 'products.csv' with (format csv, header)
\copy new_countries from 'countries.csv' with (format csv, header)

delete from products where product_id not in (select product_id from new_products);
insert into products select * from new_products
on conflict (product_id) do update set
  product_name = excluded.product_name, category = excluded.category, list_price = excluded.list_price, launched_on = excluded.launched_on;

delete from countries where country not in (select country from new_countries);
insert into countries select * from new_countries
on conflict (country) do update set country_name = excluded.country_name, region = excluded.region, is_eu = excluded.is_eu;
commit;
