"""What keeps authorities apart."""

TENANTS: dict[str, str] = {
    # Of the database rather than of one authority: told once, of the first.
    "the_api_is_kept_to_one_authority": """
        SELECT c.relname AS table_without_a_policy FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'authority_id' AND NOT a.attisdropped
         WHERE :authority_id = (SELECT min(authority_id) FROM authorities)
           AND c.relnamespace = CAST('public' AS regnamespace) AND c.relkind IN ('r', 'p')
           AND NOT (c.relrowsecurity
                    AND EXISTS (SELECT 1 FROM pg_policies p
                                 WHERE p.schemaname = 'public' AND p.tablename = c.relname
                                   AND p.permissive = 'RESTRICTIVE' AND 'bontri_api' = ANY(p.roles)))
         ORDER BY c.relname
    """,
}
