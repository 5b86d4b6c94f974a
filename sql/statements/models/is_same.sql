-- Whether the subqueries of a model that no equality links to its scope have the result that they had at the last refresh.
{{ is_same | expression }}
