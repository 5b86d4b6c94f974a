-- Keeps tables from being emptied or rewritten until they are read: what does that is seen by older snapshots, too.
lock table {% for table in tables %}{{ table }}{% if not loop.last %}, {% endif %}{% endfor %} in access share mode
