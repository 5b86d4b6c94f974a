{# Whether an event of `batch` is not newer than all before, by id and by time. #}
{% if by_clock %}_event_id < {{ first_audit_id }}{% else %}_event_id <= {{ highest_event }}{% endif %}
 or _occurred_at <= timestamp {{ highest_time | literal }}
