delete from record where load_id = :load_id
