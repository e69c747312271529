SELECT count(*) FROM invoice
SELECT * FROM invoice LIMIT 10
SELECT id, gross FROM invoice WHERE gross > 1000 ORDER BY gross DESC LIMIT 20
SELECT DISTINCT status FROM invoice
SELECT DISTINCT ON (supplier_id) supplier_id, gross FROM invoice ORDER BY supplier_id, gross DESC
SELECT status, count(*) AS n FROM invoice GROUP BY status ORDER BY n DESC
SELECT status, count(*) AS n FROM invoice GROUP BY ALL ORDER BY ALL
SELECT status, currency, sum(gross) FROM invoice GROUP BY 1, 2 ORDER BY 3 DESC
SELECT sum(gross_reporting) AS spend FROM invoice WHERE population = 'recognised'
SELECT s.name, sum(i.gross_reporting) AS spend FROM invoice i JOIN supplier s ON s.id = i.supplier_id GROUP BY s.name ORDER BY spend DESC LIMIT 10
SELECT s.name, count(*) FROM invoice AS i LEFT JOIN supplier AS s ON i.supplier_id = s.id GROUP BY s.name HAVING count(*) > 3
SELECT s.category, avg(i.gross) FROM invoice i INNER JOIN supplier s ON i.supplier_id = s.id GROUP BY s.category
SELECT c.region, sum(i.gross_reporting) FROM invoice i JOIN country c ON c.code = i.entity_country_code GROUP BY c.region
SELECT date_trunc('month', invoice_date) AS m, sum(gross_reporting) FROM invoice GROUP BY m ORDER BY m
SELECT strftime(invoice_date, '%Y-%m') AS m, count(*) FROM invoice GROUP BY 1 ORDER BY 1
SELECT year(invoice_date) AS y, quarter(invoice_date) AS q, sum(net) FROM invoice GROUP BY y, q ORDER BY y, q
SELECT extract(month FROM invoice_date) AS m, count(*) FROM invoice GROUP BY m
SELECT date_part('dow', invoice_date) AS d, count(*) FROM invoice GROUP BY d ORDER BY d
SELECT dayname(invoice_date), count(*) FROM invoice GROUP BY 1
SELECT monthname(invoice_date), count(*) FROM invoice GROUP BY 1
SELECT last_day(invoice_date) AS month_end, sum(gross) FROM invoice GROUP BY 1
SELECT week(invoice_date), count(*) FROM invoice GROUP BY 1
SELECT count(*) FILTER (WHERE paid) AS paid, count(*) FILTER (WHERE NOT paid) AS unpaid FROM invoice
SELECT sum(CASE WHEN is_credit_note THEN gross ELSE 0 END) AS credits, sum(CASE WHEN NOT is_credit_note THEN gross END) AS debits FROM invoice
SELECT CASE WHEN gross < 1000 THEN 'small' WHEN gross < 10000 THEN 'medium' ELSE 'large' END AS size, count(*) FROM invoice GROUP BY size
SELECT CASE status WHEN 'approved' THEN 'ok' ELSE 'other' END AS s, count(*) FROM invoice GROUP BY 1
SELECT coalesce(payment_term, 'none') AS term, count(*) FROM invoice GROUP BY term
SELECT nullif(status, 'approved') AS s, count(*) FROM invoice GROUP BY s
SELECT greatest(invoice_date, received_date), least(invoice_date, received_date) FROM invoice LIMIT 5
SELECT round(sum(gross) / nullif(count(*), 0), 2) AS mean FROM invoice
SELECT round(100.0 * count(*) FILTER (WHERE paid) / nullif(count(*), 0), 1) AS share_paid FROM invoice
SELECT min(invoice_date), max(invoice_date) FROM invoice
SELECT median(gross), mode(status), stddev(gross), variance(gross) FROM invoice
SELECT stddev_pop(gross), var_pop(gross), skewness(gross), kurtosis(gross) FROM invoice
SELECT quantile_cont(gross, 0.5), quantile_cont(gross, 0.9) FROM invoice
SELECT quantile_disc(gross, 0.25) FROM invoice
SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY gross) FROM invoice
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY gross) FROM invoice
SELECT approx_count_distinct(supplier_id) FROM invoice
SELECT approx_quantile(gross, 0.5) FROM invoice
SELECT count(DISTINCT supplier_id) FROM invoice
SELECT corr(gross, net_days), covar_pop(gross, net_days), covar_samp(gross, net_days) FROM invoice
SELECT regr_slope(gross, net_days), regr_intercept(gross, net_days), regr_r2(gross, net_days) FROM invoice
SELECT arg_max(invoice_number, gross), arg_min(invoice_number, gross) FROM invoice
SELECT max_by(invoice_number, gross), min_by(invoice_number, gross) FROM invoice
SELECT any_value(status), first(status ORDER BY id), last(status ORDER BY id) FROM invoice
SELECT string_agg(DISTINCT currency, ', ' ORDER BY currency) FROM invoice
SELECT supplier_id, list(gross ORDER BY gross) FROM invoice GROUP BY supplier_id
SELECT supplier_id, array_agg(status) FROM invoice GROUP BY supplier_id
SELECT bool_and(paid), bool_or(paid) FROM invoice
SELECT product(1 + 0 * net_days), geomean(gross) FROM invoice WHERE gross > 0
SELECT mad(gross), entropy(status) FROM invoice
SELECT row_number() OVER (ORDER BY gross DESC) AS rank, id, gross FROM invoice
SELECT rank() OVER (PARTITION BY currency ORDER BY gross DESC) AS r, dense_rank() OVER (PARTITION BY currency ORDER BY gross DESC) AS d, id FROM invoice
SELECT percent_rank() OVER (ORDER BY gross), cume_dist() OVER (ORDER BY gross), ntile(4) OVER (ORDER BY gross) FROM invoice
SELECT id, gross, lag(gross) OVER (ORDER BY id) AS before, lead(gross, 1, 0) OVER (ORDER BY id) AS after FROM invoice
SELECT id, first_value(gross) OVER w, last_value(gross) OVER w, nth_value(gross, 2) OVER w FROM invoice WINDOW w AS (PARTITION BY supplier_id ORDER BY invoice_date)
SELECT invoice_date, sum(gross) OVER (ORDER BY invoice_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running FROM invoice
SELECT invoice_date, avg(gross) OVER (ORDER BY invoice_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) FROM invoice
SELECT invoice_date, sum(gross) OVER (ORDER BY invoice_date RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW) FROM invoice
SELECT gross / sum(gross) OVER () AS share FROM invoice
SELECT supplier_id, sum(gross) AS g, sum(sum(gross)) OVER () AS total FROM invoice GROUP BY supplier_id
SELECT * FROM invoice QUALIFY row_number() OVER (PARTITION BY supplier_id ORDER BY gross DESC) = 1
SELECT supplier_id, gross FROM invoice QUALIFY rank() OVER (PARTITION BY supplier_id ORDER BY gross DESC) <= 3
WITH m AS (SELECT date_trunc('month', invoice_date) AS month, sum(gross) AS g FROM invoice GROUP BY 1) SELECT month, g, g - lag(g) OVER (ORDER BY month) AS change FROM m ORDER BY month
WITH a AS (SELECT supplier_id, sum(gross) AS g FROM invoice GROUP BY 1), b AS (SELECT supplier_id, g, sum(g) OVER (ORDER BY g DESC) / sum(g) OVER () AS cumulative FROM a) SELECT * FROM b WHERE cumulative <= 0.8
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS x FROM a), c AS (SELECT x + 1 AS x FROM b) SELECT a.x, b.x, c.x FROM a, b, c
WITH invoice AS (SELECT * FROM invoice WHERE paid) SELECT count(*) FROM invoice
WITH big AS MATERIALIZED (SELECT * FROM invoice WHERE gross > 100) SELECT count(*) FROM big b1 JOIN big b2 USING (id)
WITH x(a, b) AS (SELECT id, gross FROM invoice) SELECT a, b FROM x
WITH o AS (WITH i AS (SELECT id FROM invoice) SELECT * FROM i) SELECT count(*) FROM o
SELECT * FROM (SELECT status, sum(gross) AS g FROM invoice GROUP BY status) AS t WHERE g > 0
SELECT (SELECT max(gross) FROM invoice) AS largest
SELECT id FROM invoice WHERE gross > (SELECT avg(gross) FROM invoice)
SELECT id FROM invoice i WHERE gross > (SELECT avg(gross) FROM invoice j WHERE j.supplier_id = i.supplier_id)
SELECT name FROM supplier s WHERE EXISTS (SELECT 1 FROM invoice i WHERE i.supplier_id = s.id AND i.gross > 1000)
SELECT name FROM supplier s WHERE NOT EXISTS (SELECT 1 FROM invoice i WHERE i.supplier_id = s.id)
SELECT name FROM supplier WHERE id IN (SELECT supplier_id FROM invoice WHERE paid)
SELECT name FROM supplier WHERE id NOT IN (SELECT supplier_id FROM invoice WHERE supplier_id IS NOT NULL)
SELECT id FROM invoice WHERE gross >= ALL (SELECT gross FROM invoice)
SELECT id FROM invoice WHERE supplier_id = ANY (SELECT id FROM supplier)
SELECT id FROM invoice WHERE status IN ('approved', 'disputed') AND currency <> 'USD'
SELECT id FROM invoice WHERE invoice_date BETWEEN DATE '2026-01-01' AND DATE '2026-12-31'
SELECT id FROM invoice WHERE invoice_date >= '2026-01-01'
SELECT id FROM invoice WHERE due_date IS NULL OR due_date < invoice_date
SELECT id FROM invoice WHERE due_date IS NOT NULL AND NOT paid
SELECT id FROM invoice WHERE invoice_number LIKE 'INV-%'
SELECT id FROM invoice WHERE invoice_number ILIKE 'inv-%' AND invoice_number NOT LIKE '%9'
SELECT id FROM invoice WHERE invoice_number LIKE 'INV!_%' ESCAPE '!'
SELECT name FROM supplier WHERE regexp_matches(name, '^A')
SELECT name FROM supplier WHERE name ~ '.*a.*'
SELECT regexp_replace(name, '[^A-Za-z]', '') FROM supplier
SELECT regexp_extract(invoice_number, '[0-9]+') FROM invoice
SELECT upper(name), lower(name), length(name), trim(name), ltrim(name), rtrim(name) FROM supplier
SELECT substring(name, 1, 3), left(name, 2), right(name, 2), substr(name, 2) FROM supplier
SELECT concat(name, ' (', country_code, ')') FROM supplier
SELECT concat_ws('-', name, country_code) FROM supplier
SELECT name || ' / ' || category FROM supplier
SELECT replace(name, 'A', 'B'), reverse(name), strip_accents(name) FROM supplier
SELECT starts_with(name, 'A'), ends_with(name, 'a'), contains(name, 'l'), strpos(name, 'p') FROM supplier
SELECT split_part(invoice_number, '-', 2) FROM invoice
SELECT jaro_winkler_similarity(a.name, b.name) AS likeness, a.name, b.name FROM supplier a JOIN supplier b ON a.id < b.id ORDER BY likeness DESC LIMIT 5
SELECT a.name, b.name FROM supplier a, supplier b WHERE a.id < b.id AND levenshtein(a.name, b.name) <= 2
SELECT abs(gross), round(gross, 1), ceil(gross), floor(gross), sqrt(abs(gross)), sign(gross) FROM invoice
SELECT ln(gross), log10(gross), exp(0), power(gross, 2), gross % 7, gross // 2 FROM invoice WHERE gross > 0
SELECT gross::DOUBLE, CAST(gross AS DECIMAL(18, 2)), TRY_CAST(invoice_number AS INTEGER), id::VARCHAR FROM invoice
SELECT trunc(gross), isnan(gross::DOUBLE), isfinite(gross::DOUBLE) FROM invoice
SELECT due_date - invoice_date AS days FROM invoice
SELECT date_diff('day', invoice_date, due_date), datediff('month', invoice_date, due_date) FROM invoice
SELECT invoice_date + INTERVAL 30 DAY, invoice_date - INTERVAL '1 month', invoice_date + 7 FROM invoice
SELECT invoice_date + INTERVAL (net_days) DAY FROM invoice
SELECT make_date(2026, 1, 31), DATE '2026-02-28', strptime('2026-03-01', '%Y-%m-%d')
SELECT id FROM invoice WHERE due_date < current_date AND NOT paid
SELECT current_date - invoice_date AS age FROM invoice
SELECT id FROM invoice WHERE invoice_date >= date_trunc('year', current_date)
SELECT id FROM invoice WHERE due_date < today()
SELECT isodow(invoice_date), dayofyear(invoice_date), dayofmonth(invoice_date), weekofyear(invoice_date) FROM invoice
SELECT yearweek(invoice_date), isoyear(invoice_date), epoch(invoice_date) FROM invoice
SELECT i.id, p.amount FROM invoice i LEFT JOIN payment p ON p.invoice_id = i.id
SELECT i.id, sum(p.amount) AS paid FROM invoice i JOIN payment p ON p.invoice_id = i.id GROUP BY i.id
SELECT i.id, i.gross - coalesce(s.amount_paid, 0) AS open FROM invoice i LEFT JOIN settlement s ON s.invoice_id = i.id WHERE i.population = 'recognised'
SELECT p.payment_date, sum(p.amount_reporting) FROM payment p GROUP BY p.payment_date ORDER BY 1
SELECT sum(amount_reporting * days_to_pay) / nullif(sum(amount_reporting), 0) AS dpo_paid FROM payment
SELECT avg(days_late) FILTER (WHERE days_late > 0) AS late_by, count(*) FILTER (WHERE days_late > 0) AS late FROM payment
SELECT event_date, sum(amount) FROM payable_event GROUP BY event_date ORDER BY event_date
SELECT kind, count(*), sum(amount) FROM payable_event GROUP BY kind
SELECT invoice_id, sum(amount) AS balance FROM payable_event WHERE event_date <= DATE '2026-03-31' GROUP BY invoice_id HAVING sum(amount) <> 0
SELECT day, sum(amount) OVER (ORDER BY day) AS balance FROM (SELECT event_date AS day, sum(amount) AS amount FROM payable_event GROUP BY event_date)
SELECT i.id, r.rate FROM invoice i ASOF LEFT JOIN rate r ON r.currency = i.currency AND r.rate_date <= i.invoice_date
SELECT i.id FROM invoice i SEMI JOIN payment p ON p.invoice_id = i.id
SELECT i.id FROM invoice i ANTI JOIN payment p ON p.invoice_id = i.id
SELECT i.id, s.name FROM invoice i FULL OUTER JOIN supplier s ON s.id = i.supplier_id
SELECT i.id, s.name FROM invoice i RIGHT JOIN supplier s ON s.id = i.supplier_id
SELECT i.id, s.id FROM invoice i CROSS JOIN supplier s LIMIT 5
SELECT id, name FROM invoice JOIN supplier USING (id)
SELECT invoice_id, amount_paid FROM approval NATURAL JOIN settlement
SELECT i.id, t.total FROM invoice i, LATERAL (SELECT sum(p.amount) AS total FROM payment p WHERE p.invoice_id = i.id) AS t
SELECT s.name, t.id FROM supplier s LEFT JOIN LATERAL (SELECT i.id FROM invoice i WHERE i.supplier_id = s.id ORDER BY gross DESC LIMIT 1) t ON TRUE
SELECT id FROM invoice WHERE paid UNION SELECT id FROM invoice WHERE NOT paid
SELECT id, 'invoice' AS what FROM invoice UNION ALL SELECT id, 'payment' FROM payment
(SELECT id FROM invoice) EXCEPT (SELECT invoice_id FROM payment)
SELECT id FROM invoice INTERSECT SELECT invoice_id FROM payment
SELECT id, gross FROM invoice UNION ALL BY NAME SELECT gross, id FROM invoice
(SELECT id FROM invoice ORDER BY gross DESC LIMIT 1) UNION ALL (SELECT id FROM invoice ORDER BY gross LIMIT 1)
SELECT status, currency, sum(gross) FROM invoice GROUP BY ROLLUP (status, currency)
SELECT status, currency, sum(gross) FROM invoice GROUP BY CUBE (status, currency)
SELECT status, currency, sum(gross), grouping(status) FROM invoice GROUP BY GROUPING SETS ((status), (currency), ())
SELECT * EXCLUDE (rate) FROM invoice LIMIT 1
SELECT * REPLACE (gross * 2 AS gross) FROM invoice LIMIT 1
SELECT i.* FROM invoice i LIMIT 1
FROM invoice SELECT id, gross WHERE paid LIMIT 3
FROM supplier
SELECT t.a, t.b FROM (VALUES (1, 'x'), (2, 'y')) AS t(a, b)
SELECT s.name, t.target FROM supplier s JOIN (VALUES ('Alpha', 100)) AS t(name, target) ON t.name = s.name
SELECT id FROM invoice ORDER BY due_date ASC NULLS LAST, gross DESC NULLS FIRST LIMIT 10 OFFSET 5
SELECT id FROM invoice ORDER BY ALL DESC LIMIT 3
SELECT id AS "Invoice id", gross AS "Gross, in document currency" FROM invoice
SELECT "gross" FROM "invoice" WHERE "status" = 'it''s'
SELECT id IS DISTINCT FROM supplier_id, id IS NOT DISTINCT FROM supplier_id FROM invoice
SELECT paid IS TRUE, paid IS NOT TRUE, NOT paid FROM invoice
SELECT (gross > 100) = paid, gross > 100 AND paid OR gross < 0 FROM invoice
SELECT -gross, +gross, (gross + 1) * 2 - 3 / 4 FROM invoice
SELECT 1 AS one, 1.5 AS decimal, 1e3 AS float, 'text' AS text, NULL AS nothing, TRUE AS yes
SELECT width.size, count(*) FROM (SELECT floor(gross / 1000) * 1000 AS size FROM invoice) AS width GROUP BY width.size ORDER BY 1
SELECT s.parent, sum(i.gross_reporting) AS spend, sum(i.gross_reporting) / sum(sum(i.gross_reporting)) OVER () AS share FROM invoice i JOIN supplier s ON s.id = i.supplier_id GROUP BY s.parent ORDER BY spend DESC
SELECT sum(pow(share, 2)) * 10000 AS hhi FROM (SELECT sum(gross) / sum(sum(gross)) OVER () AS share FROM invoice GROUP BY supplier_id)
SELECT currency, sum(gross), sum(gross_reporting), sum(gross_reporting) / nullif(sum(gross), 0) AS average_rate FROM invoice GROUP BY currency
SELECT i.buying_entity, count(*) FILTER (WHERE a.approval_days > 5) AS slow, median(a.approval_days) FROM invoice i JOIN approval a ON a.invoice_id = i.id GROUP BY i.buying_entity
SELECT payment_term, avg(s.last_payment_date - i.due_date) AS days_late FROM invoice i JOIN settlement s ON s.invoice_id = i.id GROUP BY payment_term
SELECT count(*) AS twins FROM (SELECT supplier_id, gross, invoice_date FROM invoice GROUP BY ALL HAVING count(*) > 1)
SELECT i.id, j.id FROM invoice i JOIN invoice j ON i.supplier_id = j.supplier_id AND i.gross = j.gross AND i.id < j.id AND abs(i.invoice_date - j.invoice_date) <= 7
SELECT /* how many */ count(*) -- invoices
FROM invoice
