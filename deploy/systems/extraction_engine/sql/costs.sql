-- What LLM extractions cost: `costs`, a row for each with `gbp`, NULL where token counts or the model's price are missing.
with usage as (
    select e.*, told.tokens
    from "ExtractedListing" e
    cross join lateral (
        select coalesce(
            e.attributes::jsonb->'llm_usage', e.attributes::jsonb->'_llm_usage',
            e.discovered_attributes::jsonb->'llm_usage', e.discovered_attributes::jsonb->'_llm_usage'
        ) as tokens
        offset 0  -- so that each text is parsed once, however often its tokens are asked for
    ) as told
    where e.model_used is not null or e.source in ('serper', 'openstreetmap')
),
prices (model, input, output) as (  -- USD per million tokens: keep in step with the price list of the provider
    values ('claude-haiku-20250318', 0.80, 4.00), ('claude-haiku-4-5', 1.00, 5.00)
),
costs as (
    select u.*,
           ((u.tokens->>'input_tokens')::numeric * p.input + (u.tokens->>'output_tokens')::numeric * p.output)
               / 1000000 * :usd_to_gbp::numeric as gbp
    from usage u
    left join prices p on p.model = u.model_used
)
