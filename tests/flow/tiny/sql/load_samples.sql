select place, value from record where load_id = :load_id order by n limit 3
