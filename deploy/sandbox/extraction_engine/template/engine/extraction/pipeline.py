"""Takes raw items through their extractor, one transaction each: stored, or quarantined with the reason."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.extraction import llm, logs
from engine.extraction.extractors import DETERMINISTIC, ExtractionError
from engine.records import LLM_SOURCES, Extracted, Raw
from engine.store import Store


@dataclass
class Report:
    """Counts of one run; a record that failed first and succeeded when asked again is a success."""

    succeeded: int = 0
    failed: list[str] = field(default_factory=list)
    llm_calls: int = 0
    cache_hits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def total(self) -> int:
        return self.succeeded + len(self.failed)

    @property
    def exit_code(self) -> int:
        """0 when something succeeded, or there was nothing to do."""
        return 0 if self.succeeded or not self.total else 1

    def add(self, other: Report) -> None:
        """Takes over a second attempt at records that have failed in this run."""
        self.succeeded += other.succeeded
        self.failed = other.failed
        self.llm_calls += other.llm_calls
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens

    def lines(self) -> list[str]:
        took = time.monotonic() - self.started
        rate = 100 * self.succeeded / self.total if self.total else 100.0
        return [
            "Extraction report",
            f"Total records: {self.total}",
            f"Succeeded: {self.succeeded}",
            f"Failed: {len(self.failed)}",
            f"Success rate: {rate:.1f}%",
            f"LLM calls: {self.llm_calls}",
            f"Cache hits: {self.cache_hits}",
            f"LLM cost: GBP {llm.cost(self.input_tokens, self.output_tokens):.4f}",
            f"Duration: {took:.2f}s",
            f"Average per record: {took / max(self.total, 1):.3f}s",
        ]


@dataclass
class Pipeline:
    """Where outcomes go and who reads unstructured items; a dry run extracts and stores nothing."""

    store: Store
    reader: llm.Reader = field(default_factory=llm.Reader)
    dry_run: bool = False

    def run(self, raws: Iterable[Raw], *, again: bool = False) -> Report:
        """Extracts each item; `again` marks a further attempt."""
        report = Report()
        for raw in raws:
            self._one(raw, report, again=again)
        return report

    def _one(self, raw: Raw, report: Report, *, again: bool) -> None:
        began = time.monotonic()
        about: dict[str, Any] = {"source": raw.source, "record_id": raw.id, "operation": "extract"}
        try:
            extracted = self._extract(raw, report, again=again)
        except ExtractionError as error:
            report.failed.append(raw.id)
            level = "ERROR" if again else "WARNING"
            logs.event(level, "extraction failed", **about, error=str(error))
            if not self.dry_run:
                self.store.quarantine(raw, str(error), json.dumps({"file": raw.file_path, "again": again}))
            return
        if not self.dry_run:
            self.store.save(raw, extracted)
        report.succeeded += 1
        fields = sum(value is not None for value in extracted.attributes.values())
        took = round(time.monotonic() - began, 4)
        logs.event("INFO", "extracted", **about, duration_seconds=took, fields_extracted=fields, **usage(extracted))

    def _extract(self, raw: Raw, report: Report, *, again: bool) -> Extracted:
        item = read_item(Path(raw.file_path))
        if raw.source in DETERMINISTIC:
            return DETERMINISTIC[raw.source](item)
        if raw.source not in LLM_SOURCES:
            raise ExtractionError(f"no extractor for source {raw.source!r}")
        known = self.store.cached(llm.extraction_hash(item, self.reader.model))
        if known:
            report.cache_hits += 1
            return known.get(raw.id) or free_of_charge(next(iter(known.values())))
        report.llm_calls += 1
        extracted = self.reader.read(item, again=again)
        tokens = extracted.attributes["llm_usage"]
        report.input_tokens += tokens["input_tokens"]
        report.output_tokens += tokens["output_tokens"]
        return extracted


def free_of_charge(known: Extracted) -> Extracted:
    """A reused answer: its tokens have been paid for with the first one."""
    return replace(known, attributes={**known.attributes, "llm_usage": dict.fromkeys(llm.PRICE_PER_MILLION, 0)})


def read_item(path: Path) -> dict[str, Any]:
    """The payload in a raw file."""
    try:
        item = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExtractionError(f"raw file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ExtractionError(f"raw file {path} is not JSON") from None
    if not isinstance(item, dict):
        raise ExtractionError(f"raw file {path} does not hold one item")
    return item


def usage(extracted: Extracted) -> dict[str, Any]:
    """The log fields of a call to the language model; empty for the others."""
    tokens = extracted.attributes.get("llm_usage")
    if not tokens:
        return {}
    into, out = tokens["input_tokens"], tokens["output_tokens"]
    return {
        "model": extracted.model_used,
        "tokens_in": into,
        "tokens_out": out,
        "tokens_total": into + out,
        "cost_gbp": round(llm.cost(into, out), 6),
    }
