// Evaluates a condition of an AnalysisTemplate over a result, as Argo Rollouts does.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/antonmedv/expr"
)

func main() {
	var result interface{}
	if err := json.Unmarshal([]byte(os.Args[2]), &result); err != nil {
		panic(err)
	}
	holds, err := expr.Eval(os.Args[1], map[string]interface{}{"result": result})
	if err != nil {
		panic(err)
	}
	fmt.Println(holds)
}
