import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "../style.css";
import "./numbers.css";
import { NumbersPage } from "./numbers-page.js";

render(<NumbersPage />, document.getElementById("app")!);
