// The page of measurements: those of the repository, and those of this device beside them.
import { words } from "../i18n/words.js";
import { PageHeader } from "../ui/page-header.js";
import { DeviceSection } from "./device-section.js";
import { committed } from "./results.js";
import { ResultsSection } from "./results-section.js";

const t = words({
  title: ["The numbers", "性能数据", "Las cifras", "Die Zahlen", "測定値"],
  about: [
    "Each plot names its machine, versions and command. Values of two machines cannot be compared.",
    "每张图都注明机器、版本与命令。不同机器的数值不可相互比较。",
    "Cada gráfico nombra su equipo, versiones y comando. Los valores de dos equipos no son comparables.",
    "Zu jeder Grafik stehen Maschine, Versionen und Befehl. Werte zweier Maschinen sind nicht vergleichbar.",
    "各グラフには機種、バージョン、コマンドを示しています。異なる機種の値は比較できません。",
  ],
  demo: ["Demo", "演示", "Demostración", "Demo", "デモ"],
});

export function NumbersPage() {
  return (
    <>
      <PageHeader title={t.title} about={t.about} link={{ href: "./", text: t.demo }} />
      <main class="stack">
        <DeviceSection />
        {committed.map(({ id, results }) => (
          <ResultsSection key={id} id={id} results={results} />
        ))}
      </main>
    </>
  );
}
