// The answer card. Shows texts that the server formatted; computes nothing.
import { useEffect, useState } from "react";
import { useChatData } from "@chainlit/react-client";

const KEYWORDS =
  /('(?:[^']|'')*'|--[^\n]*|\b(?:SELECT|FROM|WHERE|WITH|AS|JOIN|ON|LEFT|INNER|CROSS|ASOF|GROUP|ORDER|BY|HAVING|LIMIT|AND|OR|NOT|IN|IS|NULL|CASE|WHEN|THEN|ELSE|END|OVER|PARTITION|UNION|ALL|DISTINCT|CAST|INTERVAL|DATE|BETWEEN|SUM|COUNT|AVG|MIN|MAX|COALESCE|NULLIF|FILTER|QUALIFY|USING|DESC|ASC)\b)/g;

function Sql({ text }) {
  const pieces = text.split(KEYWORDS);
  return (
    <code>
      {pieces.map((piece, i) => {
        if (i % 2 === 0) return piece;
        const kind = piece[0] === "'" ? "tn-sql-text" : piece.startsWith("--") ? "tn-sql-note" : "tn-sql-word";
        return (
          <span key={i} className={kind}>
            {piece}
          </span>
        );
      })}
    </code>
  );
}

function CopyButton({ text }) {
  const [done, setDone] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1600);
    });
  return (
    <button type="button" className="tn-quiet" onClick={copy}>
      {done ? "Copied" : "Copy SQL"}
    </button>
  );
}

function dates(headline) {
  // a sum of cash is of its days, a balance of the last of them
  if (headline.range) return [["Projected for", headline.ofDays ? headline.period : headline.asOf]];
  if (headline.asOf === headline.period) return [["As of", headline.asOf]];
  return [
    ["Period", headline.period],
    ["As of", headline.asOf],
  ];
}

function Headline({ headline, trust }) {
  const arrows = { up: "▲", down: "▼", level: "=" };
  return (
    <div className="tn-head">
      <div className="tn-head-row">
        <div className="tn-label">{headline.label}</div>
        <TrustBadge trust={trust} />
      </div>
      <div className="tn-figure" title={headline.exact || undefined}>
        {headline.prefix && <span className="tn-unit">{headline.prefix}</span>}
        <span className="tn-number">{headline.number}</span>
        {headline.suffix && <span className="tn-unit">{headline.suffix}</span>}
      </div>
      <div className="tn-meta">
        {headline.delta && (
          <span className={"tn-delta tn-" + headline.delta.direction}>
            <span aria-hidden="true">{arrows[headline.delta.direction]} </span>
            {headline.delta.text} <span className="tn-soft">vs {headline.delta.baseline}</span>
          </span>
        )}
        {headline.range && (
          <span>
            <span className="tn-soft">Range (P10–P90)</span> {headline.range}
          </span>
        )}
        {dates(headline).map(([word, date]) => (
          <span key={word}>
            <span className="tn-soft">{word}</span> {date}
          </span>
        ))}
      </div>
    </div>
  );
}

function TrustBadge({ trust }) {
  if (!trust) return null;
  return (
    <span className={"tn-badge tn-trust-" + trust.level} title={trust.why}>
      <span className="tn-dot" aria-hidden="true" />
      {trust.label}
    </span>
  );
}

function Why({ why, trust, freshness, took }) {
  return (
    <div className="tn-stack">
      {why.verified && <p className="tn-soft">{why.verified}</p>}
      {why.reading && (
        <p>
          <span className="tn-soft">I read this as</span> {why.reading}.
        </p>
      )}
      {why.caveats.map((text, i) => (
        <p key={i} className="tn-caveat">
          {text}
        </p>
      ))}
      {why.checks.length > 0 && (
        <ul className="tn-checks">
          {why.checks.map((check, i) => (
            <li key={i}>
              <span className={check.passed ? "tn-pass" : "tn-fail"}>{check.passed ? "✓ Passed" : "✗ Did not pass"}</span>
              <span>
                <strong>{check.name}.</strong> {check.detail}
              </span>
            </li>
          ))}
        </ul>
      )}
      {trust && (
        <p className="tn-soft">
          {trust.label}: {trust.why.charAt(0).toLowerCase() + trust.why.slice(1)}.
          {freshness ? " Data to " + freshness.dataAsOf + "." : ""}
          {took ? " Answered in " + took + "." : ""}
        </p>
      )}
    </div>
  );
}

function SqlPanel({ sql }) {
  return (
    <div className="tn-stack">
      {sql.map((text, i) => (
        <div key={i} className="tn-sql">
          <div className="tn-sql-bar">
            <span className="tn-soft">{sql.length > 1 ? "Statement " + (i + 1) + " of " + sql.length : "Exactly as it ran"}</span>
            <CopyButton text={text} />
          </div>
          <pre tabIndex={0} aria-label="SQL">
            <Sql text={text} />
          </pre>
        </div>
      ))}
    </div>
  );
}

function DataTable({ table, downloads }) {
  return (
    <div className="tn-stack">
      <div className="tn-scroll" tabIndex={0} role="region" aria-label="Rows of the answer">
        <table>
          <thead>
            <tr>
              {table.columns.map((column, i) => (
                <th key={i} scope="col" className={column.numeric ? "tn-right" : ""}>
                  {column.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, r) => (
              <tr key={r}>
                {row.map((cell, i) => (
                  <td key={i} className={table.columns[i].numeric ? "tn-right" : ""}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="tn-foot">
        <span className="tn-soft">{table.shown < table.total ? table.shown + " of " + table.total + " rows" : table.total + (table.total === 1 ? " row" : " rows")}</span>
        <Downloads downloads={downloads} />
      </div>
    </div>
  );
}

function Downloads({ downloads }) {
  return (
    <span className="tn-links">
      {downloads.map((file) => (
        <a key={file.href} href={file.href} {...(file.label === "Evidence" ? { target: "_blank", rel: "noopener" } : { download: true })}>
          {file.label}
        </a>
      ))}
    </span>
  );
}

function Assumptions({ items }) {
  return (
    <dl className="tn-facts">
      {items.map((item, i) => (
        <div key={i}>
          <dt>{item.name}</dt>
          <dd>
            {item.value} <span className="tn-soft">{item.source}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Lineage({ entries, freshness, downloads }) {
  return (
    <div className="tn-stack">
      {entries.map((entry) => (
        <div key={entry.metric}>
          <p>
            <strong className="tn-mono">{entry.metric}</strong> {entry.definition}
          </p>
          {entry.fields.length > 0 && (
            <p className="tn-fields">
              <span className="tn-soft">Coupa fields</span>
              {entry.fields.map((field) => (
                <code key={field}>{field}</code>
              ))}
            </p>
          )}
        </div>
      ))}
      <div className="tn-foot">
        <span className="tn-soft">{freshness ? "Data to " + freshness.dataAsOf + " · mirror " + freshness.mirror : ""}</span>
        <Downloads downloads={downloads.filter((file) => file.label === "JSON" || file.label === "Evidence")} />
      </div>
    </div>
  );
}

function Details({ card }) {
  const tabs = [
    ["why", "Why", card.why.reading || card.why.checks.length > 0 || card.why.caveats.length > 0],
    ["sql", "SQL", card.sql.length > 0],
    ["data", "Data", card.table],
    ["assumptions", "Assumptions", card.assumptions.length > 0],
    ["lineage", "Lineage", card.lineage.length > 0],
  ].filter((tab) => tab[2]);
  const first = tabs.some((tab) => tab[0] === card.open) ? card.open : "";
  const [open, setOpen] = useState(first);
  const [id] = useState(() => "tn" + Math.random().toString(36).slice(2));
  const move = (event, index) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (index + step + tabs.length) % tabs.length;
    setOpen(tabs[next][0]);
    event.currentTarget.parentElement.children[next].focus();
  };
  return (
    <div className="tn-details">
      <div className="tn-tabs" role="tablist" aria-label="Behind the figure">
        {tabs.map(([key, label], index) => (
          <button
            key={key}
            type="button"
            role="tab"
            id={id + key}
            aria-selected={open === key}
            aria-controls={id + "panel"}
            tabIndex={open === key || (open === "" && index === 0) ? 0 : -1}
            className={open === key ? "tn-tab tn-tab-open" : "tn-tab"}
            onClick={() => setOpen(open === key ? "" : key)}
            onKeyDown={(event) => move(event, index)}
          >
            {label}
          </button>
        ))}
      </div>
      <div id={id + "panel"} role="tabpanel" aria-labelledby={open ? id + open : undefined} hidden={open === ""} className="tn-panel">
        {open === "why" && <Why why={card.why} trust={card.trust} freshness={card.freshness} took={card.took} />}
        {open === "sql" && <SqlPanel sql={card.sql} />}
        {open === "data" && <DataTable table={card.table} downloads={card.downloads} />}
        {open === "assumptions" && <Assumptions items={card.assumptions} />}
        {open === "lineage" && <Lineage entries={card.lineage} freshness={card.freshness} downloads={card.downloads} />}
      </div>
    </div>
  );
}

function Chips({ title, questions }) {
  const { loading, disabled } = useChatData();
  if (questions.length === 0) return null;
  return (
    <div className="tn-chips" role="group" aria-label={title}>
      {questions.map(({ label, question }, i) => (
        <button
          key={i}
          type="button"
          className="tn-chip"
          title={label === question ? undefined : question}
          disabled={loading || disabled}
          onClick={() => sendUserMessage(question)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

export default function AnswerCard() {
  const card = props;
  const answered = card.status === "answered";
  // On a phone Chainlit leaves the address at "/" (its list of conversations is closed), and a reload would lose the thread.
  useEffect(() => {
    if (card.thread && window.location.pathname === "/" && !document.getElementById("thread-history")) {
      window.history.replaceState(window.history.state, "", "/thread/" + card.thread);
    }
  }, []);
  const questions = answered ? card.followUps.map((text) => ({ label: text, question: text })) : card.choices;
  return (
    <div className={"tn-card tn-" + card.status}>
      {card.headline && <Headline headline={card.headline} trust={card.trust} />}
      {answered && <Details card={card} />}
      <Chips title={answered ? "Ask next" : "Ways on"} questions={questions} />
    </div>
  );
}
