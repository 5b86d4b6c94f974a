-- Keeps tables from being emptied or rewritten until they are read, because older snapshots see that, too.
lock table {% for table in tables %}{{ table }}{% if not loop.last %}, {% endif %}{% endfor %} in access share mode
